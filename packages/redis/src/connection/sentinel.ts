import { lookup as findAddress } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { askServer, firstAnswer } from './ask-server.ts';
import { requirePrimary } from './refusal.ts';
import { type Address, formatAddress, type SentinelGroup } from './server-url.ts';

/** Time limit for an answer, in ms. */
const ANSWER_MS = 1_000;

/** The primary of a Sentinel group; the server that has this role may change. */
export type Primary = ReturnType<typeof followPrimary>;

/**
 * Follows the primary by `lookup`, because a client of node-redis cannot be moved to another port. So all servers of a
 * group must use the port of the primary at the start. With TLS the certificate of a server must contain the name or the
 * IP address by which the sentinels name it.
 */
export function followPrimary(group: SentinelGroup, { host, port }: Address) {
  let current = host;
  const resolve = async () => {
    const primary = await findLivePrimary(group);
    if (primary.port !== port) {
      throw new Error(
        `the primary is at ${formatAddress(primary)}, but port ${port} (the port at the start) is required`,
      );
    }
    current = primary.host;
    return findAddress(current);
  };
  /** For the sockets of a client: resolves to the current primary at each new connection. */
  const lookup: LookupFunction = (_host, { all }, callback) => {
    resolve().then(
      (found) => (all ? callback(null, [found]) : callback(null, found.address, found.family)),
      (error: Error) => callback(error, ''),
    );
  };
  const { name, username, password, database } = group;
  const tls = {
    tls: true as const,
    // Not the host of the connection, which is the name of the group.
    checkServerIdentity: (_host: string, certificate: PeerCertificate) => checkServerIdentity(current, certificate),
  };
  return {
    /** Options of a client of node-redis. */
    place: {
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      database,
      socket: { host: name, port, lookup, ...(group.tls && tls) },
    },
    /** The server of the last connection. */
    host: () => current,
    /** Whether the sentinels name another server than that of the last connection. */
    hasMoved: async () => (await findPrimary(group)).host !== current,
  };
}

/** The primary according to the first sentinel that responds. Rejects when none responds; each has one second. */
export function findPrimary(group: SentinelGroup): Promise<Address> {
  const command = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', group.name];
  const ask = async (sentinel: Address) => {
    const answer = await askAt(sentinel, { tls: group.tls, password: group.sentinelPassword }, command);
    if (!Array.isArray(answer)) throw new Error(`has no primary named ${group.name}`);
    return { host: String(answer[0]), port: Number(answer[1]) };
  };
  const sentinels = group.sentinels.map((one) => ({ address: formatAddress(one), ask: () => ask(one) }));
  return firstAnswer('no sentinel returned the primary', sentinels);
}

/**
 * Finds the primary and checks its role. Until a failover is complete, the sentinels may name a primary that hangs, or
 * one that is being replaced. A connection to either would waste time: a handshake that hangs blocks a client for
 * seconds.
 */
async function findLivePrimary(group: SentinelGroup): Promise<Address> {
  const primary = await findPrimary(group);
  await requirePrimary({ sendCommand: (command) => askAt(primary, group, command) }).catch((error: Error) => {
    throw new Error(`${primary.host}: ${error.message}`);
  });
  return primary;
}

function askAt(
  address: Address,
  { tls, username = '', password }: Pick<SentinelGroup, 'tls' | 'password'> & Partial<Pick<SentinelGroup, 'username'>>,
  command: string[],
): Promise<unknown> {
  const credentials = password === undefined ? '' : `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`;
  return askServer(`${tls ? 'rediss' : 'redis'}://${credentials}${formatAddress(address)}`, command, ANSWER_MS);
}
