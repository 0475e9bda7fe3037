import { setTimeout as delay } from 'node:timers/promises';
import { askRedis, between, type Direction, type NetworkFault, oneOf, type SendAttempt } from '@chat-cluster/testkit';
import {
  acknowledgedAtOnce,
  answeredWithin,
  gatewaysLiveOn,
  nobodyIsStale,
  socketsStayConnected,
} from '../expectations.ts';
import type { Fault, RoundOutcome, World } from '../fault.ts';

/** What holds for every trouble with Redis: clients hear of it quickly, and nobody is thrown out. */
function calm(outcome: RoundOutcome): string[] {
  return [...answeredWithin(outcome, 3_000), ...undisturbed(outcome)];
}

function undisturbed(outcome: RoundOutcome): string[] {
  return [...gatewaysLiveOn(outcome), ...socketsStayConnected(outcome)];
}

/** The third round is the long one: longer than every deadline of the product. */
export const redisRestarted: Fault = {
  id: 'F4',
  title: 'Redis is killed and comes back',
  async inject({ cluster, random, round }) {
    await cluster.redis.kill();
    return {
      lastsMs: round === 3 ? 15_000 : between(random, 1_000, 6_000),
      heal: () => cluster.redis.start(),
    };
  },
  expect: calm,
};

/** In turn: the primary is killed, or stops and wakes up when another has taken its place. */
export const redisFailover: Fault = {
  id: 'F5',
  title: 'the Redis primary fails, a replica takes over',
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
  // Gateways may take sends of the new primary before the jobs of the old one are missed and taken over.
  expect: (outcome) => [...answeredWithin(outcome, SLOW_ANSWER_MS), ...undisturbed(outcome)],
};

/** In turn: the process stops, the network swallows everything, the network is slow (300 ms there and back). */
export const redisHung: Fault = {
  id: 'F6',
  title: 'Redis hangs, or is slow',
  async inject(world) {
    const { cluster, random, round } = world;
    const heal = async () => setLinks(world, { kind: 'pass' });
    if (round % 3 === 1) {
      await cluster.redis.pause();
      return { lastsMs: between(random, 3_000, 10_000), heal: () => cluster.redis.resume(), expect: calm };
    }
    const lastsMs = between(random, 3_000, 8_000);
    if (round % 3 === 2) {
      setLinks(world, { kind: 'blackhole' });
      return { lastsMs, heal, expect: calm };
    }
    setLinks(world, { kind: 'delay', ms: 150, jitterMs: 20 });
    return {
      lastsMs,
      heal,
      expect: (outcome) => [...answeredWithin(outcome, SLOW_ANSWER_MS), ...undisturbed(outcome)],
    };
  },
};

/**
 * Where Redis is there, and the lanes are not yet, or only slowly (a batch takes about five round trips and waits for
 * those before it): the deadline of a reply, 7 s, and a little.
 */
const SLOW_ANSWER_MS = 7_500;

function setLinks({ cluster }: World, fault: NetworkFault): void {
  for (const { redis } of [...cluster.gateways, ...cluster.workers]) redis.set(fault);
}

/** It refuses every write, and goes on reading and publishing. */
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
  expect: calm,
};

/** In turn: nothing comes through, nothing comes back, nothing gets there, all is reset, and what is sent vanishes. */
const CUTS: readonly [NetworkFault, Direction][] = [
  [{ kind: 'blackhole' }, 'both'],
  [{ kind: 'blackhole' }, 'toClient'],
  [{ kind: 'blackhole' }, 'toUpstream'],
  [{ kind: 'reset' }, 'both'],
  [{ kind: 'half-open' }, 'both'],
];

/** Its users hear of it quickly and are told what they missed; those of the other gateways do not notice. */
export const gatewayCutOff: Fault = {
  id: 'F11',
  title: 'a gateway is cut off from Redis',
  async inject({ cluster, random, round }) {
    const { name, redis } = oneOf(random, cluster.gateways);
    redis.set(...(CUTS[(round - 1) % CUTS.length] ?? oneOf(random, CUTS)));
    return {
      lastsMs: between(random, 3_000, 15_000),
      async heal() {
        redis.set({ kind: 'pass' });
      },
      expect(outcome) {
        const gatewayOf = gatewaysByConnection(outcome);
        const there = ({ connection }: SendAttempt) => gatewayOf.get(connection) === name;
        return [
          ...answeredWithin(outcome, 3_000, there),
          ...answeredWithin(outcome, 3_000, (send) => !there(send)),
          ...acknowledgedAtOnce(outcome, (send) => !there(send)),
        ];
      },
    };
  },
  expect: (outcome) => [...undisturbed(outcome), ...nobodyIsStale(outcome)],
};

function gatewaysByConnection({ history }: RoundOutcome): Map<string, string> {
  const events = history.devices.flatMap((device) => device.events);
  return new Map(events.flatMap((event) => (event.kind === 'connected' ? [[event.connection, event.gateway]] : [])));
}

/** What BullMQ keeps as scripts is gone again and again; nobody is to notice. */
export const scriptsFlushed: Fault = {
  id: 'F22',
  title: 'Redis forgets its scripts',
  async inject({ cluster }) {
    const until = performance.now() + 2_000;
    while (performance.now() < until) {
      await askRedis(cluster.redis.url, 'SCRIPT', 'FLUSH');
      await delay(20);
    }
    return { lastsMs: 0, heal: async () => undefined };
  },
  expect(outcome) {
    const { history, from, to } = outcome;
    const refused = history.sends.filter(({ at, outcome: { kind } }) => at >= from && at <= to && kind === 'refused');
    return [...calm(outcome), ...(refused.length > 0 ? [`${refused.length} sends were refused`] : [])];
  },
};

/** Everything is sent from two devices at once and again later, and Redis loses all it has in between. */
export const sentTwice: Fault = {
  id: 'F13',
  title: 'all is sent twice, and Redis loses its data',
  traffic: { twice: 1, again: 0.5, rate: 60 },
  secondDeviceEvery: 1,
  async inject({ cluster, traffic }) {
    await askRedis(cluster.redis.url, 'FLUSHALL');
    await traffic.sendAgain(200);
    return { lastsMs: 0, heal: async () => undefined };
  },
  expect: undisturbed,
};
