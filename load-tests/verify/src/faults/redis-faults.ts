import { setTimeout as delay } from 'node:timers/promises';
import { askRedis, between, type Direction, type NetworkFault, oneOf, type SendAttempt } from '@chat-cluster/testkit';
import { acknowledgedAtOnce, answeredWithin, clientsUnaffected, noStaleDevices } from '../expectations.ts';
import type { Fault, FaultContext, RoundOutcome } from '../fault.ts';

/** Time within which a send must have a response while Redis is away, in ms. */
const RESPONSE_LIMIT_MS = 3_000;
/**
 * The limit while Redis responds but lanes are not served yet, or slowly (a batch needs about five round trips and
 * waits for earlier ones), in ms: the deadline of a reply, 7 s, and a margin.
 */
const SLOW_RESPONSE_LIMIT_MS = 7_500;

/** Clients receive responses soon, and none loses its connection. */
function respondsSoon(outcome: RoundOutcome): string[] {
  return [...answeredWithin(outcome, RESPONSE_LIMIT_MS), ...clientsUnaffected(outcome)];
}

function respondsLate(outcome: RoundOutcome): string[] {
  return [...answeredWithin(outcome, SLOW_RESPONSE_LIMIT_MS), ...clientsUnaffected(outcome)];
}

/** Round 3 is long: longer than every deadline of the product. */
export const redisRestarted: Fault = {
  id: 'F4',
  title: 'Redis is killed and comes back',
  clients: 'mixed',
  async inject({ cluster, random, round }) {
    await cluster.redis.kill();
    const lastsMs = round === 3 ? 15_000 : between(random, 1_000, 6_000);
    return { lastsMs, heal: () => cluster.redis.start() };
  },
  expect: respondsSoon,
};

/** Odd rounds: the primary is killed. Even rounds: it is paused, and resumes when a replica has replaced it. */
export const redisFailover: Fault = {
  id: 'F5',
  title: 'the Redis primary fails, a replica takes over',
  clients: 'mixed',
  cluster: { sentinel: true },
  async inject({ cluster, random, round }) {
    const lastsMs = between(random, 4_000, 8_000);
    if (round % 2 === 1) {
      await cluster.redis.kill();
      return { lastsMs, heal: () => cluster.redis.start() };
    }
    await cluster.redis.pause();
    return { lastsMs, heal: () => cluster.redis.resume() };
  },
  // Gateways may send to the new primary before workers have detected the loss of their leases and taken the lanes again.
  expect: respondsLate,
};

/** In turn: the process is paused, the network drops everything, the network is slow (300 ms per round trip). */
export const redisHung: Fault = {
  id: 'F6',
  title: 'Redis hangs, or is slow',
  clients: 'mixed',
  async inject(context) {
    const { cluster, random, round } = context;
    const heal = async () => setLinks(context, { kind: 'pass' });
    if (round % 3 === 1) {
      await cluster.redis.pause();
      return { lastsMs: between(random, 3_000, 10_000), heal: () => cluster.redis.resume(), expect: respondsSoon };
    }
    const lastsMs = between(random, 3_000, 8_000);
    if (round % 3 === 2) {
      setLinks(context, { kind: 'blackhole' });
      return { lastsMs, heal, expect: respondsSoon };
    }
    setLinks(context, { kind: 'delay', ms: 150, jitterMs: 20 });
    return { lastsMs, heal, expect: respondsLate };
  },
};

function setLinks({ cluster }: FaultContext, fault: NetworkFault): void {
  for (const { redis } of [...cluster.gateways, ...cluster.workers]) redis.set(fault);
}

/** Redis rejects every write, but still reads and publishes. */
export const redisFull: Fault = {
  id: 'F7',
  title: 'Redis is full',
  async inject({ cluster, random }) {
    await askRedis(cluster.redis.url, 'CONFIG', 'SET', 'maxmemory', '1mb');
    return {
      lastsMs: between(random, 2_000, 6_000),
      async heal() {
        await askRedis(cluster.redis.url, 'CONFIG', 'SET', 'maxmemory', '0');
      },
    };
  },
  expect: respondsSoon,
};

/** In turn: no byte passes, none to the gateway, none to Redis; connections are reset; what is sent disappears. */
const CUTS: readonly [NetworkFault, Direction][] = [
  [{ kind: 'blackhole' }, 'both'],
  [{ kind: 'blackhole' }, 'toClient'],
  [{ kind: 'blackhole' }, 'toUpstream'],
  [{ kind: 'reset' }, 'both'],
  [{ kind: 'half-open' }, 'both'],
];

/** Clients of this gateway get responses soon and are notified of what they missed. Others are not affected. */
export const gatewayCutOff: Fault = {
  id: 'F11',
  title: 'a gateway is cut off from Redis',
  clients: 'mixed',
  async inject({ cluster, random, round }) {
    const { name, redis } = oneOf(random, cluster.gateways);
    redis.set(...(CUTS[(round - 1) % CUTS.length] ?? oneOf(random, CUTS)));
    return {
      lastsMs: between(random, 3_000, 15_000),
      heal: async () => redis.set({ kind: 'pass' }),
      expect(outcome) {
        const gatewayOf = gatewaysByConnection(outcome);
        const isCutOff = ({ connection }: SendAttempt) => gatewayOf.get(connection) === name;
        return [
          ...answeredWithin(outcome, RESPONSE_LIMIT_MS),
          ...acknowledgedAtOnce(outcome, (send) => !isCutOff(send)),
        ];
      },
    };
  },
  expect: (outcome) => [...clientsUnaffected(outcome), ...noStaleDevices(outcome)],
};

function gatewaysByConnection({ history }: RoundOutcome): Map<string, string> {
  const events = history.devices.flatMap((device) => device.events);
  return new Map(events.flatMap((event) => (event.kind === 'connected' ? [[event.connection, event.gateway]] : [])));
}

/** How long scripts are flushed, again and again, in ms. */
const FLUSHING_MS = 2_000;

/** Redis loses the scripts of BullMQ again and again, without a visible effect. */
export const scriptsFlushed: Fault = {
  id: 'F22',
  title: 'Redis loses its cached scripts',
  clients: 'mixed',
  async inject({ cluster }) {
    const end = performance.now() + FLUSHING_MS;
    while (performance.now() < end) {
      await askRedis(cluster.redis.url, 'SCRIPT', 'FLUSH');
      await delay(20);
    }
    return { lastsMs: 0, heal: async () => undefined };
  },
  expect(outcome) {
    const { history, from, to } = outcome;
    const refused = history.sends.filter(({ at, outcome: { kind } }) => at >= from && at <= to && kind === 'refused');
    return [...respondsSoon(outcome), ...(refused.length > 0 ? [`${refused.length} sends were refused`] : [])];
  },
};

/** Each message is sent at once from two devices, and again later. In between, Redis loses all its data. */
export const redisWiped: Fault = {
  id: 'F13',
  title: 'every message is sent twice, and Redis loses its data',
  clients: 'mixed',
  traffic: { duplicateShare: 1, resendShare: 0.5, rate: 60 },
  secondDeviceEvery: 1,
  async inject({ cluster, traffic }) {
    await askRedis(cluster.redis.url, 'FLUSHALL');
    await traffic.resend(200);
    return { lastsMs: 0, heal: async () => undefined };
  },
  expect: clientsUnaffected,
};
