import { isIP } from 'node:net';
import { askServer } from './ask-server.ts';

/**
 * Redis behind Sentinel: `redis+sentinel://[user:password@]host:port,host:port,…/name[?db=0&sentinelPassword=…]`, where
 * `name` is that of the monitored primary. The credentials are those of the Redis servers.
 */
export interface SentinelGroup {
  name: string;
  sentinels: { host: string; port: number }[];
  sentinelPassword: string | undefined;
  username: string | undefined;
  password: string | undefined;
  database: number;
}

const FORM = /^redis\+sentinel:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?]+)\/([^/?]+)(?:\?(.*))?$/;
const SENTINEL_PORT = 26_379;
const ANSWER_MS = 1_000;

/** The parts of such a URL; undefined for one of another form. */
export function parseSentinelUrl(url: string): SentinelGroup | undefined {
  const [, username, password, hosts, name, query] = FORM.exec(url) ?? [];
  if (!hosts || !name) return undefined;
  const options = new URLSearchParams(query);
  return {
    name,
    sentinels: hosts.split(',').map((address) => {
      const [, host = address, port] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(address) ?? [];
      return { host, port: Number(port ?? SENTINEL_PORT) };
    }),
    sentinelPassword: options.get('sentinelPassword') ?? undefined,
    username: username ? decodeURIComponent(username) : undefined,
    password: password ? decodeURIComponent(password) : undefined,
    database: Number(options.get('db') ?? 0),
  };
}

/** Where the sentinels say the primary is: the first that answers is believed. Rejects when none does within a second each. */
export async function findPrimary(group: SentinelGroup): Promise<Address> {
  const problems: string[] = [];
  for (const sentinel of group.sentinels) {
    try {
      const command = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', group.name];
      const answer = await ask(sentinel, { password: group.sentinelPassword }, command);
      if (!Array.isArray(answer)) throw new Error(`knows no primary named ${group.name}`);
      return { host: String(answer[0]), port: Number(answer[1]) };
    } catch (error) {
      problems.push(`${sentinel.host}:${sentinel.port} ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`no sentinel names the primary: ${problems.join('; ')}`);
}

interface Address {
  host: string;
  port: number;
}

interface Credentials {
  username?: string | undefined;
  password?: string | undefined;
}

function ask({ host, port }: Address, { username = '', password }: Credentials, command: string[]): Promise<unknown> {
  const credentials = password === undefined ? '' : `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`;
  const url = `redis://${credentials}${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  return askServer(url, command, ANSWER_MS);
}

/**
 * The sentinels name a primary that hangs until they have replaced it, and one that was replaced may not know it yet. A
 * connection to either would be lost time: a handshake without an answer holds a client for seconds.
 */
async function findLivePrimary(group: SentinelGroup): Promise<Address> {
  const primary = await findPrimary(group);
  const role = await ask(primary, group, ['ROLE']);
  if (!Array.isArray(role) || String(role[0]) !== 'master') throw new Error(`${primary.host} is no primary`);
  return primary;
}

/** The primary of a group, wherever it is. */
export interface Primary {
  port: number;
  /** Of the server that the last connection went to. */
  host(): string;
  /** For the sockets of a client: each new connection goes to the primary of now. */
  lookup(host: string, options: { all?: boolean }, callback: LookupCallback): void;
  /** Whether the sentinels name another server than the last connection went to. */
  hasMoved(): Promise<boolean>;
}

/**
 * Follows the primary by `lookup`, since a client of node-redis can not be given another port once it is made. So the
 * servers of a group must all use the port that the primary has at the start, and answer by IP address (as Sentinel
 * does by default).
 */
export function primaryOf(group: SentinelGroup, { host, port }: { host: string; port: number }): Primary {
  let current = host;
  return {
    port,
    host: () => current,
    lookup(_host, options, callback) {
      findLivePrimary(group).then(
        (primary) => {
          const family = isIP(primary.host);
          if (primary.port !== port || family === 0) {
            const problem = `the primary is at ${primary.host}:${primary.port}; expected an IP address, and port ${port} as at the start`;
            callback(new Error(problem), '');
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

type LookupCallback = (error: NodeJS.ErrnoException | null, address: string | unknown[], family?: number) => void;
