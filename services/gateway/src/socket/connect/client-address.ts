import type { IncomingMessage } from 'node:http';
import { isIP, isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * The address that limits count a request by. Behind `trustedHops` proxies it is what the outermost of them has added to
 * `X-Forwarded-For`; what the client itself has sent is to the left of that, and has no effect. Of an IPv6 address it is
 * the /64, since a single client usually has a whole one.
 */
export function clientAddress(request: IncomingMessage, trustedHops: number): string {
  const remote = request.socket.remoteAddress ?? 'closed';
  if (trustedHops === 0) return networkOf(remote);
  const chain = [...forwardedAddresses(request), remote];
  const address = chain[Math.max(0, chain.length - 1 - trustedHops)] ?? remote;
  return networkOf(isIP(address) ? address : remote);
}

/** The addresses in `X-Forwarded-For`: each proxy adds one at the end, clients can add some at the start. */
export function forwardedAddresses({ headers }: IncomingMessage): string[] {
  return String(headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((address) => address.trim())
    .filter(Boolean);
}

function networkOf(address: string): string {
  if (isIPv4(address) || !isIP(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  return `${parsed.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':')}::/64`;
}
