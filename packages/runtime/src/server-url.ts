import { accessSync, constants } from 'node:fs';
import { setting, wrong } from './setting.ts';

const POSTGRES_EXAMPLE = 'postgres://chat:password@db.internal:5432/chat';
const REDIS_EXAMPLE = 'redis://:password@redis.internal:6379';
const REDIS_FORMS = `must be a redis:// or redis+sentinel:// URL, with rediss for TLS, such as ${REDIS_EXAMPLE}`;
const PUBSUB_FORMS = `must be a redis://, redis+sentinel:// or redis+cluster:// URL, with rediss for TLS, such as ${REDIS_EXAMPLE}`;

/** A variable that is the URL of a Postgres. */
export function postgresUrl() {
  return setting((url) => {
    const { path, query } = partsOf(url, /^postgres(ql)?$/, `must be a postgres:// URL, such as ${POSTGRES_EXAMPLE}`);
    if (!isDecodable(path)) throw wrong(ENCODE);
    const mode = query.get('sslmode');
    if (mode !== null && !SSL_MODES.includes(mode))
      throw wrong(`must have one of these as its sslmode: ${SSL_MODES.join(', ')}`);
    for (const name of ['sslrootcert', 'sslcert', 'sslkey']) {
      const file = query.get(name);
      if (file !== null && !isReadable(file)) throw wrong(`names a file in ${name} that this process cannot read`);
    }
    return url;
  }, POSTGRES_EXAMPLE);
}

const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];

/** A variable that is the URL of a Redis, or of the sentinels of one. */
export function redisUrl() {
  return setting((url) => checkedRedisUrl(url, REDIS_SCHEME, REDIS_FORMS));
}

/** As `redisUrl`; it may be a Redis Cluster too. */
export function pubsubUrl() {
  return setting((url) => checkedRedisUrl(url, PUBSUB_SCHEME, PUBSUB_FORMS));
}

/** A variable that is a list of URLs as in `redisUrl`, separated by commas. */
export function redisUrls() {
  return setting((list) =>
    list.split(BETWEEN_URLS).map((url) => checkedRedisUrl(url, REDIS_SCHEME, `each ${REDIS_FORMS}`)),
  );
}

const REDIS_SCHEME = /^rediss?(\+sentinel)?$/;
const PUBSUB_SCHEME = /^rediss?(\+sentinel|\+cluster)?$/;
/** A comma that separates two URLs. Commas within a URL separate its hosts. */
const BETWEEN_URLS = /\s*,\s*(?=rediss?(?:\+\w+)?:\/\/)/;

function checkedRedisUrl(url: string, scheme: RegExp, forms: string): string {
  const { kind, path, query } = partsOf(url, scheme, forms);
  if (kind === 'sentinel' && !/^\/[^/]+$/.test(path)) {
    throw wrong(
      'must end with the name of the primary, such as redis+sentinel://:password@host:26379,host:26379/mymaster',
    );
  }
  if (kind === 'sentinel' && !/^\d*$/.test(query.get('db') ?? '')) throw wrong('must have a number as its db');
  if (kind === 'cluster' && !/^\/?$/.test(path)) {
    throw wrong('must end after the hosts, such as redis+cluster://:password@host:6379,host:6379');
  }
  if (kind === '' && !/^\/?\d*$/.test(path)) {
    throw wrong(`may have only the number of a database after its host, such as ${REDIS_EXAMPLE}/0`);
  }
  return url;
}

const ENCODE =
  'is no valid URL: percent-encode special characters of the password, such as %40 for @, %2F for /, %3A for :, %23 for #, %3F for ? and %25 for %';
const HOST = 'must have a host after the user and password, and the port in digits, such as db.internal:5432';

/**
 * The parts of the URL of a server. Throws with `forms` for another scheme. An unencoded character of the password would
 * end the part that it is in: `p@ss/w#rd` makes `ss` the host, and parsers accept that. Then an @ or a # is left over.
 */
function partsOf(url: string, scheme: RegExp, forms: string) {
  const [, name = '', authority = '', path = '', query = ''] = URL_PARTS.exec(url) ?? [];
  if (!scheme.test(name)) throw wrong(forms);
  const kind = name.split('+')[1] ?? '';
  const end = authority.lastIndexOf('@');
  const [credentials, hosts] = [authority.slice(0, Math.max(0, end)), authority.slice(end + 1)];
  const isLeftOver = /[#\s]/.test(url) || path.includes('@') || /^[^=&]*@/.test(query);
  // node-redis and pg accept an @ in the password, the forms with several hosts do not.
  if (isLeftOver || !isDecodable(credentials) || (kind !== '' && credentials.includes('@'))) throw wrong(ENCODE);
  const parameters = new URLSearchParams(query);
  const list = kind === '' ? [hosts] : hosts.split(',');
  const isOnlyPath = hosts === '' && parameters.has('host');
  if (!isOnlyPath && !list.every(isHost) && !(hosts === '' && name.startsWith('postgres') && credentials === '')) {
    throw wrong(HOST);
  }
  return { kind, path, query: parameters };
}

const URL_PARTS = /^([a-z+]+):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?/;

/** `host`, `host:port`, `[::1]:port`; for Postgres also the percent-encoded folder of a socket. */
function isHost(text: string): boolean {
  const [, port = '1'] = /^(?:\[[\da-f:.]+\]|[\w.%-]+)(?::(\d{1,5}))?$/i.exec(text) ?? [undefined, '0'];
  return Number(port) > 0 && Number(port) <= 65_535;
}

function isDecodable(part: string): boolean {
  try {
    decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
