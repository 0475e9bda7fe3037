/*
 * Longer than 250 lines on purpose: one table of all conditions.
 */
import type { ClusterOverview, HeldAlert } from '@chat-cluster/contracts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { rateOfAll } from './flow.ts';
import { countOf, mergedBuckets, quantileOf } from './histogram.ts';
import { byLabel } from './processes.ts';

/** The input of the conditions. */
export interface Facts extends Omit<ClusterOverview, 'verdict' | 'changes' | 'canAct' | 'queueBoard'> {
  live: readonly Snapshot[];
}

/** A condition that mirrors an alert of infra/prometheus/rules, with its name and severity. */
export interface Condition extends Pick<HeldAlert, 'name' | 'severity'> {
  /** One sentence with the figures while it holds, otherwise false or undefined. */
  holds(facts: Facts): string | undefined | false;
  /** True: while it holds, messages are not stored or not delivered. */
  breaks?: boolean | ((facts: Facts) => boolean);
  /** Time for which it must have held, in ms. Default: 0. */
  forMs?: number;
}

/** Longest time without a worker that is normal for a lane, in ms: after the death of its worker, or in a rollout. */
const HANDOVER_MS = 10_000;
const HOUR_MS = 3_600_000;

/** The alerts of Prometheus look back some minutes; these conditions see an interval of 2 s, and hold earlier. */
export const CONDITIONS: readonly Condition[] = [
  {
    name: 'ChatNoWorker',
    severity: 'page',
    breaks: true,
    forMs: HANDOVER_MS,
    holds: ({ lanes }) => lanes.every(({ worker, fault }) => !worker && !fault) && 'No worker serves any lane.',
  },
  {
    name: 'ChatLaneWithoutWorker',
    severity: 'page',
    breaks: true,
    forMs: HANDOVER_MS,
    holds: ({ lanes }) => {
      const free = lanes.filter(({ worker, fault }) => !worker && !fault);
      return (
        free.length > 0 && free.length < lanes.length && `No worker serves ${namesOf(free.map(({ lane }) => lane))}.`
      );
    },
  },
  {
    name: 'ChatLaneLate',
    severity: 'page',
    breaks: true,
    holds: ({ lanes }) => {
      const late = lanes.filter(({ oldestMs }) => oldestMs > 5_000);
      const oldest = Math.max(...late.map(({ oldestMs }) => oldestMs));
      return (
        late.length > 0 && `The oldest batch of ${namesOf(late.map(({ lane }) => lane))} is ${secondsOf(oldest)} old.`
      );
    },
  },
  {
    name: 'ChatLaneWedged',
    severity: 'page',
    breaks: true,
    holds: ({ lanes, postgres }) => {
      const wedged = lanes.filter(({ oldestMs, worker }) => oldestMs > 30_000 && worker !== undefined);
      const names = namesOf(wedged.map(({ lane }) => lane));
      return postgres.up && wedged.length > 0 && `${names} has a worker, and Postgres responds, but nothing is stored.`;
    },
  },
  {
    name: 'ChatLaneSheds',
    severity: 'page',
    breaks: true,
    holds: ({ live }) => {
      const rate = rateOfAll(live, 'chat_lane_refused_total:overloaded');
      return rate > 1 && `${figure(rate)} sends per second are refused with OVERLOADED.`;
    },
  },
  {
    name: 'ChatStoreRetries',
    severity: 'page',
    breaks: true,
    holds: ({ live }) =>
      rateOfAll(live, 'chat_store_retries_total') > 0 && 'Storing batches fails and is retried; their lanes wait.',
  },
  {
    name: 'ChatDeadLetters',
    severity: 'ticket',
    holds: ({ flow: { deadLetters } }) =>
      deadLetters > 0 && `${deadLetters} entries could not be stored and wait for an operator.`,
  },
  {
    name: 'ChatDeadLettersLost',
    severity: 'page',
    breaks: true,
    holds: (facts) =>
      increasedLately(facts, 'chat_dead_letters_lost_total') &&
      'Entries could not be stored, not even as dead letters.',
  },
  {
    name: 'ChatStoreSetBack',
    severity: 'page',
    breaks: true,
    holds: (facts) =>
      increasedLately(facts, 'chat_store_set_back_total') &&
      'The database was set back to an earlier state: acknowledged messages are lost.',
  },
  {
    name: 'ChatUnreadDrift',
    severity: 'ticket',
    holds: (facts) =>
      increasedLately(facts, 'chat_unread_drift_total') &&
      `${facts.flow.unreadDrift} unread counters were wrong and have been corrected.`,
  },
  {
    name: 'ChatGatewayDown',
    severity: 'page',
    breaks: ({ gateways }) => gateways.every(({ state }) => state === 'silent'),
    holds: ({ gateways, redis }) => {
      const silent = gateways.filter(({ state }) => state === 'silent').map(({ name }) => name);
      if (gateways.length === 0) return isCacheUp(redis) && 'No gateway runs.';
      return silent.length > 0 && `${namesOf(silent)} ${silent.length === 1 ? 'is' : 'are'} silent.`;
    },
  },
  {
    name: 'ChatWorkerDown',
    severity: 'ticket',
    holds: ({ workers }) => {
      const silent = workers.filter(({ state }) => state === 'silent').map(({ name }) => name);
      return silent.length > 0 && `${namesOf(silent)} ${silent.length === 1 ? 'is' : 'are'} silent.`;
    },
  },
  {
    name: 'ChatRedisUnreachable',
    severity: 'page',
    breaks: ({ redis }) => redis.some(({ up }) => !up),
    holds: ({ redis }) => {
      const away = redis.flatMap(({ role, server, up }) => (up ? [] : [`${role} (${server})`]));
      if (away.length > 0) return `Redis does not respond: ${namesOf(away)}.`;
      const from = [...new Set(redis.flatMap(({ unreachableFrom }) => unreachableFrom))];
      return from.length > 0 && `Redis does not respond to ${namesOf(from)}.`;
    },
  },
  {
    name: 'ChatPostgresUnreachable',
    severity: 'page',
    breaks: ({ postgres }) => !postgres.up,
    holds: ({ postgres: { up, server, unreachableFrom } }) => {
      if (!up) return `Postgres (${server}) does not respond.`;
      return unreachableFrom.length > 0 && `Postgres does not respond to ${namesOf(unreachableFrom)}.`;
    },
  },
  {
    name: 'ChatRedisSlow',
    severity: 'ticket',
    holds: ({ live }) => slowAnswers(live, 'chat_redis_probe_seconds', 0.1, 'Redis'),
    forMs: 6_000,
  },
  {
    name: 'ChatPostgresSlow',
    severity: 'ticket',
    holds: ({ live }) => slowAnswers(live, 'chat_postgres_probe_seconds', 0.5, 'Postgres'),
    forMs: 6_000,
  },
  {
    name: 'ChatPostgresPoolExhausted',
    severity: 'ticket',
    forMs: 20_000,
    holds: ({ live }) => {
      const waiting = live.filter(({ gauges }) => (gauges.chat_postgres_pool_waiting ?? 0) > 0);
      return waiting.length > 0 && `Queries of ${namesOf(waiting.map(({ name }) => name))} wait for a connection.`;
    },
  },
  {
    name: 'ChatEventLoopLate',
    severity: 'page',
    holds: ({ live }) => {
      const late = live.filter(({ eventLoopP99Ms }) => eventLoopP99Ms > 200);
      return late.length > 0 && `The event loop of ${namesOf(late.map(({ name }) => name))} is more than 0.2 s late.`;
    },
    forMs: 6_000,
  },
  {
    name: 'ChatMemoryHigh',
    severity: 'ticket',
    holds: ({ live }) => {
      const high = live.filter(({ memoryBytes }) => memoryBytes > 850e6);
      return high.length > 0 && `${namesOf(high.map(({ name }) => name))} use more than 850 MB of memory.`;
    },
  },
  {
    name: 'ChatDrainSlow',
    severity: 'ticket',
    holds: ({ live, at }) => {
      const slow = live.filter(({ drainEndsAt }) => drainEndsAt !== undefined && drainEndsAt < at);
      return slow.length > 0 && `${namesOf(slow.map(({ name }) => name))} drain for longer than their limit.`;
    },
  },
  {
    name: 'ChatHandshakesRefused',
    severity: 'ticket',
    holds: ({ live }) => {
      const [refused, all] = handshakes(live, (result) => result !== 'ok' && result !== 'OVERLOADED');
      return refused > 1 && refused > 0.2 * all && `${figure(refused)} handshakes per second are refused.`;
    },
  },
  {
    name: 'ChatHandshakesOverloaded',
    severity: 'page',
    holds: ({ live }) => {
      const [refused] = handshakes(live, (result) => result === 'OVERLOADED');
      return refused > 1 && `${figure(refused)} handshakes per second are refused with OVERLOADED.`;
    },
  },
  {
    name: 'ChatConnectionsCut',
    severity: 'ticket',
    holds: ({ live }) => {
      const rate = rateOfAll(live, 'chat_connections_cut_total');
      return rate > 1 && `${figure(rate)} connections per second are cut because their clients exceed a limit.`;
    },
  },
  {
    name: 'ChatFanoutWaste',
    severity: 'ticket',
    forMs: 30_000,
    holds: ({ live }) => {
      const received = rateOfAll(live, 'chat_fanout_received_total');
      const useful = rateOfAll(live, 'chat_fanout_useful_total');
      const isWaste = received > 10 && useful < 0.8 * received;
      return isWaste && 'More than a fifth of the emits reach gateways without a receiver.';
    },
  },
];

function increasedLately({ live, at }: Facts, total: string): boolean {
  return live.some(({ increasedAt }) => (increasedAt[total] ?? 0) > at - HOUR_MS);
}

function slowAnswers(live: readonly Snapshot[], histogram: string, limitSeconds: number, server: string) {
  const slow = live.filter((one) => {
    const buckets = mergedBuckets([one], histogram);
    return countOf(buckets) > 0 && (quantileOf(buckets, 0.9) ?? 0) > limitSeconds;
  });
  return (
    slow.length > 0 &&
    `${server} takes more than ${limitSeconds} s to respond to ${namesOf(slow.map(({ name }) => name))}.`
  );
}

/** Handshakes per second: those whose result is chosen, and all. */
function handshakes(live: readonly Snapshot[], isChosen: (result: string) => boolean): [chosen: number, all: number] {
  const rates = live.flatMap(({ differences, overMs }) =>
    byLabel(differences, 'chat_handshakes_total').map(([result, n]) => ({ result, rate: (n * 1_000) / overMs })),
  );
  const sum = (some: typeof rates) => some.reduce((total, { rate }) => total + rate, 0);
  return [sum(rates.filter(({ result }) => isChosen(result))), sum(rates)];
}

function isCacheUp(redis: Facts['redis']): boolean {
  return redis.every(({ role, up }) => role !== 'cache' || up);
}

/** At most three names. */
function namesOf(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

function secondsOf(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function figure(rate: number): string {
  return rate < 10 ? rate.toFixed(1) : String(Math.round(rate));
}
