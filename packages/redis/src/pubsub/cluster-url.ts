import { type Address, parseAddresses } from '../connection/address.ts';

export interface ClusterUrl {
  scheme: 'redis' | 'rediss';
  /** `user:password@`, as in the URL. */
  credentials: string;
  /** Some servers of the cluster, which name the others. */
  seeds: Address[];
}

const FORM = /^(rediss?)\+cluster:\/\/((?:[^@/]*@)?)([^/?]+)\/?$/;
const PORT = 6_379;

/** Parses `redis+cluster://[user:password@]host:port,host:port,…`, or `rediss+cluster://` for TLS. Throws otherwise. */
export function parseClusterUrl(url: string): ClusterUrl {
  const [, scheme, credentials = '', hosts] = FORM.exec(url) ?? [];
  if (!hosts) throw new Error('the URL of a Redis Cluster is redis+cluster://[user:password@]host:port,host:port');
  return { scheme: scheme as ClusterUrl['scheme'], credentials, seeds: parseAddresses(hosts, PORT) };
}

export function isClusterUrl(url: string): boolean {
  return /^rediss?\+cluster:/.test(url);
}
