import { between, REDIS_PARTS, type RedisPart } from '@chat-cluster/testkit';
import { answeredWithin, clientsUnaffected, lanesAckWithin, noStaleDevices } from '../expectations.ts';
import type { Fault, FaultContext } from '../fault.ts';
import { waitUntil } from '../wait-until.ts';

/** Time from the failover until every connection has left the old server and every lane acknowledges, in ms. */
const FOLLOWS_WITHIN_MS = 10_000;
/** Longest wait for the connections that stay, in ms. */
const GIVE_UP_MS = 20_000;
/** Limit for a response to a send, in ms: the deadline of a reply, 7 s, and a margin. */
const RESPONSE_LIMIT_MS = 7_500;

/**
 * A managed Redis fails over behind one plain address: the replica is promoted, the address leads to it, and up to a
 * second later the old primary becomes a replica. It lives on and keeps its connections. Until it is demoted, clients
 * that follow early and clients that do not write to different servers.
 *
 * Redis replicates asynchronously and nothing waits for it here, as behind Sentinel (F5): batches that were accepted and
 * not replicated are lost with the old primary. Their senders get no ack, and send them again.
 */
function failover(id: string, title: string, parts: readonly RedisPart[]): Fault {
  return {
    id,
    title,
    clients: 'mixed',
    cluster: { behindAddress: parts },
    async inject({ cluster, random }) {
      const { redisAddress } = cluster;
      if (!redisAddress) throw new Error('the cluster has no Redis behind an address');
      const started = performance.now();
      await redisAddress.failOver({ demoteAfterMs: between(random, 0, 1_000) });
      const demoted = performance.now();
      let left = Number.POSITIVE_INFINITY;
      return {
        lastsMs: 0,
        async heal() {
          await waitUntil(async () => (await redisAddress.clientsOfReplica()).length === 0, GIVE_UP_MS);
          left = performance.now() - started;
        },
        expect: ({ deadlineFactor }) =>
          left <= FOLLOWS_WITHIN_MS * deadlineFactor
            ? []
            : [`connections stayed on the old server for ${Math.round(left)} ms`],
        figures: () => `demoted after ${seconds(demoted - started)}, left by all after ${seconds(left)}`,
      };
    },
    // A gap is announced by the gateways and by the workers.
    expect: (outcome, { cluster }: FaultContext) => [
      ...answeredWithin(outcome, RESPONSE_LIMIT_MS),
      ...clientsUnaffected(outcome),
      ...lanesAckWithin(outcome, cluster.lanes, FOLLOWS_WITHIN_MS),
      ...noStaleDevices(outcome),
    ],
  };
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

const ALL_PARTS = Object.keys(REDIS_PARTS) as RedisPart[];

export const redisFailovers: readonly Fault[] = [
  failover('F27', 'Redis fails over behind one address', ALL_PARTS),
  failover('F28', 'the Redis of the lanes fails over behind one address', ['lanes']),
  failover('F29', 'the Redis of emits and replies fails over behind one address', ['pubsub']),
  failover('F30', 'the Redis of caches and presence fails over behind one address', ['cache']),
];
