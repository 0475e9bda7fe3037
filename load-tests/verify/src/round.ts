/*
 * One round of a fault: fresh users, a little ordinary traffic, the trouble at a random moment, its end, and then
 * everything has to come to rest: each message acknowledged or refused, each device in sync, each badge right. Last, each
 * device syncs once more, the database is read, and the history is checked.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  checkHistory,
  type FaultCluster,
  type History,
  readDatabase,
  readParticipants,
  seededRandom,
  type Verdict,
} from '@chat-cluster/testkit';
import type { Fault, World } from './fault.ts';
import { healTime } from './heal-time.ts';
import { type Population, populate } from './population.ts';
import { ORDINARY_TRAFFIC, Traffic } from './traffic.ts';

export interface RoundOptions {
  seed: string;
  round: number;
  /** undefined: what the fault wants. */
  pairs: number | undefined;
  /** Messages a second; undefined: what the fault wants. */
  rate: number | undefined;
  pace?: Pace;
}

/** How long things take that could be longer or shorter. Milliseconds. */
export interface Pace {
  /** Ordinary traffic before the trouble, plus up to `phaseMs`. */
  warmUpMs: number;
  phaseMs: number;
  /** Traffic goes on after the trouble at least so long, and until every lane answers again. */
  afterMs: number;
  /** Factor for the deadlines of a fault's own expectations. */
  patience: number;
}

export interface RoundReport {
  history: History;
  verdict: Verdict;
  /** Breaches of what the fault itself expects. */
  breaches: string[];
  healMs: number | undefined;
  /** What the fault itself has measured. */
  figures: string | undefined;
  /** The same as a row of a table, with the number of the round. */
  row: Record<string, string | number> | undefined;
  /** From the end of the traffic until everything was at rest, and what the last was to come to it. */
  rest: { ms: number; last: string | undefined };
  /** The trouble on the clock of the history. */
  from: number;
  to: number;
}

const ORDINARY_PACE: Pace = { warmUpMs: 1_000, phaseMs: 1_500, afterMs: 2_500, patience: 1 };
const PAIRS = 20;
const HEAL_DEADLINE_MS = 30_000;
const REST_DEADLINE_MS = 40_000;

export async function runRound(fault: Fault, cluster: FaultCluster, options: RoundOptions): Promise<RoundReport> {
  const { warmUpMs, phaseMs, afterMs, patience } = options.pace ?? ORDINARY_PACE;
  const seed = `${options.seed}/${fault.id}/${options.round}`;
  const random = seededRandom(seed);
  const start = performance.now();
  const now = () => performance.now() - start;
  const exitsBefore = cluster.exits.length;
  const pairs = options.pairs ?? fault.pairs ?? PAIRS;
  const population = await populate(
    cluster,
    pairs,
    { secondDeviceEvery: fault.secondDeviceEvery ?? 6, pollingEvery: fault.pollingEvery },
    { now, random },
  );
  const traffic = new Traffic(
    population,
    { ...ORDINARY_TRAFFIC, ...fault.traffic, ...(options.rate === undefined ? {} : { rate: options.rate }) },
    { now, random, lanes: cluster.lanes },
  );
  const world: World = { cluster, population, traffic, random, seed, round: options.round, now };
  const pids = () => cluster.gateways.map((gateway) => gateway.pid());
  try {
    traffic.start();
    await delay(warmUpMs + random() * phaseMs);
    const before = pids();
    const from = now();
    const healing = await fault.inject(world);
    if (healing) {
      await delay(healing.lastsMs);
      await healing.heal();
    }
    const to = healing ? now() : from;
    await delay(afterMs);
    await until(() => traffic.everyLaneAnswersSince(to), HEAL_DEADLINE_MS);
    await traffic.stop();
    const { unsettled, rest } = await comeToRest(world);
    traffic.giveUp();
    const history = await finish(world, unsettled, { exitsBefore, start });
    const outcome = { history, from, to, patience, gatewayPids: { before, after: pids() } };
    return {
      history,
      verdict: checkHistory(history),
      breaches: [...(fault.expect?.(outcome, world) ?? []), ...(healing?.expect?.(outcome) ?? [])],
      healMs: healTime(history, to, cluster.lanes),
      figures: healing?.figures?.(),
      row: healing?.row && { round: options.round, ...healing.row(outcome) },
      rest,
      from,
      to,
    };
  } finally {
    await traffic.stop();
    traffic.giveUp();
    for (const device of population.devices) device.close();
  }
}

/** Waits for rest; `unsettled`: what had not come to it at the deadline. */
async function comeToRest(world: World): Promise<{ unsettled: string[]; rest: RoundReport['rest'] }> {
  const started = performance.now();
  let restless: string[] = [];
  let last: string | undefined;
  await until(async () => {
    restless = await restlessParts(world);
    last = restless[0] ?? last;
    return restless.length === 0;
  }, REST_DEADLINE_MS);
  const unsettled = restless.length > 5 ? [...restless.slice(0, 5), `and ${restless.length - 5} more`] : restless;
  return { unsettled, rest: { ms: performance.now() - started, last } };
}

/** What is under way, a sentence each; badges are looked at once nothing else is. */
async function restlessParts({ cluster, population, traffic }: World): Promise<string[]> {
  const found = [
    ...traffic.underWay.map((key) => `${key} has no answer`),
    ...population.devices.filter((one) => !one.current).map(({ history }) => `${history.id} is not in sync`),
  ];
  if (found.length > 0) return found;
  return wrongBadges(cluster, population).catch((error: Error) => [`postgres: ${error.message}`]);
}

async function wrongBadges(cluster: FaultCluster, { conversations, devices }: Population): Promise<string[]> {
  const participants = await readParticipants(
    cluster.db,
    conversations.map(({ id }) => id),
  );
  const unread = new Map<string, number>();
  for (const { userId, recount } of participants) unread.set(userId, (unread.get(userId) ?? 0) + recount);
  return devices.flatMap(({ history, userId, badge }) =>
    badge === unread.get(userId) ? [] : [`${history.id} shows ${badge} unread instead of ${unread.get(userId)}`],
  );
}

async function finish(
  { cluster, population, traffic }: World,
  unsettled: string[],
  { exitsBefore, start }: { exitsBefore: number; start: number },
): Promise<History> {
  const synced = await Promise.allSettled(population.devices.map((device) => device.finalSync()));
  const silent = synced.flatMap((outcome) =>
    outcome.status === 'rejected' ? [(outcome.reason as Error).message] : [],
  );
  const ids = population.conversations.map(({ id }) => id);
  return {
    sends: traffic.sends,
    reads: traffic.reads,
    devices: population.devices.map(({ history }) => history),
    database: await readDatabase(cluster.db, ids),
    exits: cluster.exits.slice(exitsBefore).map((exit) => ({ ...exit, at: exit.at - start })),
    unsettled: [...unsettled, ...silent],
  };
}

async function until(condition: () => boolean | Promise<boolean>, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition()) && performance.now() < deadline) await delay(50);
}
