/** The address of a Redis server or a sentinel. */
export interface Address {
  host: string;
  port: number;
}

/** Parses `host:port,host,[::1]:port,…`, as in the URL of a Sentinel group or of a Redis Cluster. */
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
