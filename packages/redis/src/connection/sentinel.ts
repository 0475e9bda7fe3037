import { isIP } from 'node:net';
import { type Address, formatAddress, parseAddresses } from './address.ts';
import { askServer } from './ask-server.ts';

/** The primary of a Sentinel group, on whichever server it is. */
export interface Primary {
  port: number;
  /** The server of the last connection. */
  host(): string;
  /** For the sockets of a client: resolves to the current primary at each new connection. */
  lookup(host: string, options: { all?: boolean }, callback: LookupCallback): void;
  /** Whether the sentinels name another server than that of the last connection. */
  hasMoved(): Promise<boolean>;
}

type LookupCallback = (error: NodeJS.ErrnoException | null, address: string | unknown[], family?: number) => void;

/**
 * Follows the primary by `lookup`, because a client of node-redis cannot be moved to another port. So all servers of a
 * group must use the port of the primary at the start, and the sentinels must name them by IP address (their default).
 */
export function primaryOf(group: SentinelGroup, { host, port }: Address): Primary {
  let current = host;
  return {
    port,
    host: () => current,
    lookup(_host, options, callback) {
      findLivePrimary(group).then(
        (primary) => {
          const family = isIP(primary.host);
          if (primary.port !== port || family === 0) {
            const required = `an IP address and port ${port} (the port at the start) are required`;
            callback(new Error(`the primary is at ${formatAddress(primary)}, but ${required}`), '');
            return;
          }
          current = primary.host;
          if (options.all) callback(null, [{ address: primary.host, family }]);
          else callback(null, primary.host, family);
        },
        (error: Error) => callback(error, ''),
      );
    },
    hasMoved: async () => (await findPrimary(group)).host !== current,
  };
}

/**
 * The parts of `redis+sentinel://[user:password@]host:port,host:port,…/name[?db=0&sentinelPassword=…]`. `name` is the
 * name of the monitored primary; user and password are those of the Redis servers.
 */
export interface SentinelGroup {
  name: string;
  sentinels: Address[];
  sentinelPassword: string | undefined;
  username: string | undefined;
  password: string | undefined;
  database: number;
}

const FORM = /^redis\+sentinel:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?]+)\/([^/?]+)(?:\?(.*))?$/;
const SENTINEL_PORT = 26_379;

/** Undefined for a URL of another form. */
export function parseSentinelUrl(url: string): SentinelGroup | undefined {
  const [, username, password, hosts, name, query] = FORM.exec(url) ?? [];
  if (!hosts || !name) return undefined;
  const options = new URLSearchParams(query);
  return {
    name,
    sentinels: parseAddresses(hosts, SENTINEL_PORT),
    sentinelPassword: options.get('sentinelPassword') ?? undefined,
    username: username ? decodeURIComponent(username) : undefined,
    password: password ? decodeURIComponent(password) : undefined,
    database: Number(options.get('db') ?? 0),
  };
}

/** The primary according to the first sentinel that responds. Rejects when none responds; each has one second. */
export async function findPrimary(group: SentinelGroup): Promise<Address> {
  const problems: string[] = [];
  for (const sentinel of group.sentinels) {
    try {
      const command = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', group.name];
      const answer = await ask(sentinel, { password: group.sentinelPassword }, command);
      if (!Array.isArray(answer)) throw new Error(`has no primary named ${group.name}`);
      return { host: String(answer[0]), port: Number(answer[1]) };
    } catch (error) {
      problems.push(`${formatAddress(sentinel)} ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`no sentinel returned the primary: ${problems.join('; ')}`);
}

/**
 * The sentinels name a primary that hangs until they have replaced it, and a replaced one may not have noticed yet. A
 * connection to either would waste time: a handshake without an answer blocks a client for seconds.
 */
async function findLivePrimary(group: SentinelGroup): Promise<Address> {
  const primary = await findPrimary(group);
  const role = await ask(primary, group, ['ROLE']);
  if (!Array.isArray(role) || String(role[0]) !== 'master') throw new Error(`${primary.host} is not a primary`);
  return primary;
}

interface Credentials {
  username?: string | undefined;
  password?: string | undefined;
}

/** Time limit for an answer, in ms. */
const ANSWER_MS = 1_000;

function ask(address: Address, { username = '', password }: Credentials, command: string[]): Promise<unknown> {
  const credentials = password === undefined ? '' : `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`;
  return askServer(`redis://${credentials}${formatAddress(address)}`, command, ANSWER_MS);
}
