import { askServer, findPrimary, parseClusterUrl, parseSentinelUrl } from '@chat-cluster/redis';
import type { Subject } from './options.ts';

export type Part = 'pubsub' | 'queue' | 'cache';

/** A Redis of the cluster, and what it is for. */
export interface RedisServer {
  /** Host and port, for people. */
  name: string;
  parts: Part[];
  /** Whether it is named as one of a Redis Cluster. */
  clustered: boolean;
  /** Index among the servers of lanes. */
  queueIndex: number;
  ask(...command: string[]): Promise<unknown>;
}

const ANSWER_MS = 3_000;

/** Every server once, however many parts it has. Rejects when sentinels do not say where the primary is. */
export async function serversOf({ pubsub, queues, cache }: NonNullable<Subject['redis']>): Promise<RedisServer[]> {
  const parts = new Map<string, Part[]>();
  const add = (url: string, part: Part) => parts.set(url, [...(parts.get(url) ?? []), part]);
  add(pubsub, 'pubsub');
  for (const url of queues) add(url, 'queue');
  add(cache, 'cache');
  const servers = await Promise.all(
    [...parts].map(async ([url, its]) => {
      const common = { parts: its, clustered: /\+cluster:/.test(url), queueIndex: queues.indexOf(url) };
      return (await addressesOf(url)).map((address) => ({
        ...common,
        name: URL.parse(address)?.host ?? 'redis',
        ask: (...command: string[]) => askServer(address, command, ANSWER_MS),
      }));
    }),
  );
  return servers.flat();
}

/** `redis://` URLs of the servers behind a URL of ours. */
async function addressesOf(url: string): Promise<string[]> {
  const group = parseSentinelUrl(url);
  if (group) {
    const { host, port } = await findPrimary(group);
    const { username = '', password } = group;
    const credentials =
      password === undefined ? '' : `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`;
    return [`redis://${credentials}${host.includes(':') ? `[${host}]` : host}:${port}/${group.database}`];
  }
  if (!/\+cluster:/.test(url)) return [url];
  const { scheme, credentials, seeds } = parseClusterUrl(url);
  return seeds.map(({ host, port }) => `${scheme}://${credentials}${host.includes(':') ? `[${host}]` : host}:${port}`);
}

/** The fields of INFO, CLUSTER INFO and the like. */
export function fieldsOf(text: unknown): Record<string, string> {
  return Object.fromEntries(
    [...String(text).matchAll(/^([^#:\s]+):(.*?)\r?$/gm)].map(([, name, value]) => [name, value]),
  );
}
