import { askServer, findPrimary, parseClusterUrl, parseSentinelUrl } from '@chat-cluster/redis';
import type { RedisServers } from '@chat-cluster/runtime';

export type RedisPurpose = 'pubsub' | 'queue' | 'cache';

/** A Redis server of the deployment and its purposes. */
export interface RedisServer {
  /** Host and port, for findings. */
  name: string;
  purposes: RedisPurpose[];
  /** True when its URL is redis+cluster://. */
  inClusterUrl: boolean;
  /** Index in REDIS_QUEUE_URLS; -1 for a server without lanes. */
  queueIndex: number;
  /** Sends one command and resolves with the response. */
  send(...command: string[]): Promise<unknown>;
}

/** Time to wait for a response, in ms. */
const TIMEOUT_MS = 3_000;

/** Lists each server once, with all its purposes. Rejects when no sentinel names the primary. */
export async function listRedisServers({ pubsub, queues, cache }: RedisServers): Promise<RedisServer[]> {
  const purposes = new Map<string, RedisPurpose[]>();
  const add = (url: string, purpose: RedisPurpose) => purposes.set(url, [...(purposes.get(url) ?? []), purpose]);
  add(pubsub, 'pubsub');
  for (const url of queues) add(url, 'queue');
  add(cache, 'cache');
  const servers = await Promise.all(
    [...purposes].map(async ([url, ownPurposes]) => {
      const common = { purposes: ownPurposes, inClusterUrl: isClusterUrl(url), queueIndex: queues.indexOf(url) };
      return (await serverUrls(url)).map((serverUrl) => ({
        ...common,
        name: URL.parse(serverUrl)?.host ?? 'redis',
        send: (...command: string[]) => askServer(serverUrl, command, TIMEOUT_MS),
      }));
    }),
  );
  return servers.flat();
}

/** The `redis://` or `rediss://` URLs behind a REDIS_… URL: the primary behind Sentinel, or the seeds of a Cluster. */
async function serverUrls(url: string): Promise<string[]> {
  const group = parseSentinelUrl(url);
  if (group) {
    const { tls, username = '', password } = group;
    const credentials =
      password === undefined ? '' : `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`;
    return [`${tls ? 'rediss' : 'redis'}://${credentials}${hostAndPort(await findPrimary(group))}/${group.database}`];
  }
  if (!isClusterUrl(url)) return [url];
  const { scheme, credentials, seeds } = parseClusterUrl(url);
  return seeds.map((seed) => `${scheme}://${credentials}${hostAndPort(seed)}`);
}

function isClusterUrl(url: string): boolean {
  return /\+cluster:/.test(url);
}

function hostAndPort({ host, port }: { host: string; port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The fields of a response such as INFO. */
export type RedisFields = Readonly<Record<string, string>>;

/** Parses a response such as INFO or CLUSTER INFO. */
export function fieldsOf(response: unknown): RedisFields {
  return Object.fromEntries(
    [...String(response).matchAll(/^([^#:\s]+):(.*?)\r?$/gm)].map(([, name, value]) => [name, value]),
  );
}
