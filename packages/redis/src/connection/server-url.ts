export interface Address {
  host: string;
  port: number;
}

/** Parses `host:port,host,[::1]:port,…`. */
export function parseAddresses(list: string, defaultPort: number): Address[] {
  return list.split(',').map((address) => {
    const [, host = address, port] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(address) ?? [];
    return { host, port: Number(port ?? defaultPort) };
  });
}

/** `host:port` as a URL needs it, with an IPv6 address in brackets. */
export function formatAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The parts of a Sentinel URL. User and password are those of the Redis servers. */
export interface SentinelGroup {
  /** Name of the monitored primary. */
  name: string;
  /** Whether sentinels and Redis servers are reached over TLS. */
  tls: boolean;
  sentinels: Address[];
  sentinelPassword: string | undefined;
  username: string | undefined;
  password: string | undefined;
  database: number;
}

const SENTINEL_FORM = /^redis(s?)\+sentinel:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?]+)\/([^/?]+)(?:\?(.*))?$/;

/**
 * Parses `redis+sentinel://[user:password@]host:port,host:port,…/name[?db=0&sentinelPassword=…]`, or
 * `rediss+sentinel://` for TLS. Undefined for a URL of another form.
 */
export function parseSentinelUrl(url: string): SentinelGroup | undefined {
  const [, tls, username, password, hosts, name, query] = SENTINEL_FORM.exec(url) ?? [];
  if (!hosts || !name) return undefined;
  const options = new URLSearchParams(query);
  return {
    name,
    tls: tls === 's',
    sentinels: parseAddresses(hosts, 26_379),
    sentinelPassword: options.get('sentinelPassword') ?? undefined,
    username: username ? decodeURIComponent(username) : undefined,
    password: password ? decodeURIComponent(password) : undefined,
    database: Number(options.get('db') ?? 0),
  };
}

export interface ClusterUrl {
  scheme: 'redis' | 'rediss';
  /** `user:password@`, as in the URL. */
  credentials: string;
  /** Some servers of the cluster, which name the others. */
  seeds: Address[];
}

/** Parses `redis+cluster://[user:password@]host:port,host:port,…`, or `rediss+cluster://` for TLS. Throws otherwise. */
export function parseClusterUrl(url: string): ClusterUrl {
  const [, scheme, credentials = '', hosts] = /^(rediss?)\+cluster:\/\/((?:[^@/]*@)?)([^/?]+)\/?$/.exec(url) ?? [];
  if (!hosts) throw new Error('the URL of a Redis Cluster is redis+cluster://[user:password@]host:port,host:port');
  return { scheme: scheme as ClusterUrl['scheme'], credentials, seeds: parseAddresses(hosts, 6_379) };
}

export function isClusterUrl(url: string): boolean {
  return /^rediss?\+cluster:/.test(url);
}
