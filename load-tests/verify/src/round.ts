import { setTimeout as delay } from 'node:timers/promises';
import {
  badgeText,
  checkHistory,
  eventually,
  type FaultCluster,
  type History,
  readDatabase,
  readParticipants,
  recountedBadges,
  seededRandom,
  type Verdict,
} from '@chat-cluster/testkit';
import { CAPS } from './clients/groups.ts';
import { type Clients, type Population, populate } from './clients/population.ts';
import { TokenIssuer } from './clients/token-issuer.ts';
import { DEFAULT_TRAFFIC, Traffic } from './clients/traffic.ts';
import type { ActiveFault, Fault, FaultContext } from './fault.ts';
import { healTime } from './heal-time.ts';
import { waitUntil } from './wait-until.ts';

export interface RoundOptions {
  seed: string;
  round: number;
  /** Pairs of users. Undefined: the number that the fault states. */
  pairs: number | undefined;
  /** Messages a second. Undefined: the rate that the fault states. */
  rate: number | undefined;
  /** Kinds of devices. Undefined: those that the fault states. */
  clients?: Clients | undefined;
  /** Numbers of members of groups. Default: no groups. */
  groupSizes?: readonly number[] | undefined;
  timing?: RoundTiming;
}

/** Durations of a round, in ms. */
export interface RoundTiming {
  /** Traffic before the fault: `warmUpMs`, plus a random time up to `phaseMs`. */
  warmUpMs: number;
  phaseMs: number;
  /** Shortest traffic after the fault. It continues until every lane works again, as in heal-time.ts. */
  afterMs: number;
  /** Factor for the deadlines of a fault's own expectations. */
  deadlineFactor: number;
}

export interface RoundReport {
  history: History;
  verdict: Verdict;
  /** Breaches of the fault's own expectations, one sentence each. */
  breaches: string[];
  /** Time from the end of the fault until every lane works again. Undefined: never. */
  healMs: number | undefined;
  /** Measured values of the fault. */
  figures: string | undefined;
  /** Measured values of the fault as a table row, with the number of the round. */
  row: Record<string, string | number> | undefined;
  settling: Settling;
  /** Start and end of the fault, on the clock of the history. */
  from: number;
  to: number;
}

/** The time from the end of the traffic until everything had settled, and what settled last. */
interface Settling {
  ms: number;
  last: string | undefined;
}

const DEFAULT_TIMING: RoundTiming = { warmUpMs: 1_000, phaseMs: 1_500, afterMs: 2_500, deadlineFactor: 1 };
const DEFAULT_PAIRS = 20;
const DEFAULT_SECOND_DEVICE_EVERY = 6;
/** Time until every lane must work again, in ms. */
const HEAL_TIMEOUT_MS = 30_000;
/** Time for reading the database at the end, in ms. */
const READ_TIMEOUT_MS = 20_000;
/** Time until everything must have settled, in ms. */
const SETTLE_TIMEOUT_MS = 40_000;

/**
 * Runs one round of a fault. New users send ordinary traffic, the fault starts at a random moment and ends, and then
 * everything must settle: each message acknowledged or refused, each device in sync, each badge correct. At the end
 * each device syncs once more, the database is read, and the history is checked.
 */
export async function runRound(fault: Fault, cluster: FaultCluster, options: RoundOptions): Promise<RoundReport> {
  const { deadlineFactor } = options.timing ?? DEFAULT_TIMING;
  const start = performance.now();
  const now = () => performance.now() - start;
  const exitsBefore = cluster.exits.length;
  const context = await prepare(fault, cluster, options, now);
  const { traffic } = context;
  try {
    const { active, from, to, pidsBefore } = await runFault(fault, context, options.timing ?? DEFAULT_TIMING, now);
    await traffic.stop();
    const { unsettled, settling } = await settle(context);
    traffic.abandon();
    const history = await collectHistory(context, unsettled, { exitsBefore, start });
    const gatewayPids = { before: pidsBefore, after: pidsOf(cluster) };
    const outcome = { history, from, to, deadlineFactor, gatewayPids };
    return {
      history,
      verdict: checkHistory(history),
      breaches: [...(fault.expect?.(outcome, context) ?? []), ...(active?.expect?.(outcome) ?? [])],
      healMs: healTime(history, to, cluster.lanes),
      figures: active?.figures?.(),
      row: active?.row && { round: options.round, ...active.row(outcome) },
      settling,
      from,
      to,
    };
  } finally {
    await traffic.stop();
    traffic.abandon();
    for (const device of context.population.devices) device.close();
  }
}

/** Connects the users of the round and creates its traffic. */
async function prepare(
  fault: Fault,
  cluster: FaultCluster,
  options: RoundOptions,
  now: () => number,
): Promise<FaultContext> {
  const seed = `${options.seed}/${fault.id}/${options.round}`;
  const random = seededRandom(seed);
  const population = await populate(cluster, {
    pairs: options.pairs ?? fault.pairs ?? DEFAULT_PAIRS,
    secondDeviceEvery: fault.secondDeviceEvery ?? DEFAULT_SECOND_DEVICE_EVERY,
    pollingEvery: fault.pollingEvery,
    clients: options.clients ?? fault.clients ?? 'library',
    groupSizes: options.groupSizes ?? [],
    issuer: new TokenIssuer(cluster, seededRandom(`${seed}/tokens`), fault.tokenLife),
    now,
    random,
  });
  const rate = options.rate === undefined ? {} : { rate: options.rate };
  const trafficOptions = { ...DEFAULT_TRAFFIC, ...fault.traffic, ...rate };
  const traffic = new Traffic(population, trafficOptions, { now, random, lanes: cluster.lanes });
  return { cluster, population, traffic, random, seed, round: options.round, now };
}

/** Runs the traffic, the fault, and the time after it until every lane works again or the wait times out. */
async function runFault(fault: Fault, context: FaultContext, timing: RoundTiming, now: () => number) {
  const { cluster, traffic, random } = context;
  traffic.start();
  await delay(timing.warmUpMs + random() * timing.phaseMs);
  const pidsBefore = pidsOf(cluster);
  const from = now();
  const active: ActiveFault | undefined = await fault.inject(context);
  if (active) {
    await delay(active.lastsMs);
    await active.heal();
  }
  const to = active ? now() : from;
  await delay(timing.afterMs);
  await waitUntil(() => traffic.everyLaneWorksSince(to), HEAL_TIMEOUT_MS);
  return { active, from, to, pidsBefore };
}

function pidsOf({ gateways }: FaultCluster): number[] {
  return gateways.map((gateway) => gateway.pid());
}

/** Waits until everything has settled. `unsettled`: what had not at the deadline. */
async function settle(context: FaultContext): Promise<{ unsettled: string[]; settling: Settling }> {
  let open: string[] = [];
  let last: string | undefined;
  const ms = await waitUntil(async () => {
    open = await findUnsettled(context);
    last = open[0] ?? last;
    return open.length === 0;
  }, SETTLE_TIMEOUT_MS);
  const unsettled = open.length > 5 ? [...open.slice(0, 5), `and ${open.length - 5} more`] : open;
  return { unsettled, settling: { ms, last } };
}

/** One sentence for each thing that has not settled. Badges are compared only when everything else has settled. */
async function findUnsettled({ cluster, population, traffic }: FaultContext): Promise<string[]> {
  const found = [
    ...traffic.pending.map((key) => `${key} has no response`),
    ...population.devices.filter((one) => !one.inSync).map(({ history }) => `${history.id} is not in sync`),
  ];
  if (found.length > 0) return found;
  return wrongBadges(cluster, population).catch((error: Error) => [`postgres: ${error.message}`]);
}

async function wrongBadges(cluster: FaultCluster, { conversations, devices }: Population): Promise<string[]> {
  const participants = await readParticipants(
    cluster.db,
    conversations.map(({ id }) => id),
  );
  const expectedOf = recountedBadges(participants);
  return devices.flatMap(({ history, userId, badge }) => {
    const [shown, expected] = [badge && badgeText(badge), badgeText(expectedOf(userId))];
    return shown === expected ? [] : [`${history.id} shows ${shown} unread instead of ${expected}`];
  });
}

/** Lets each device sync once more, reads the database and puts the history together. */
async function collectHistory(
  { cluster, population }: FaultContext,
  unsettled: string[],
  { exitsBefore, start }: { exitsBefore: number; start: number },
): Promise<History> {
  const { devices } = population;
  const syncs = await Promise.allSettled(devices.map((device) => device.finalSync()));
  const failedSyncs = syncs.flatMap((sync) => (sync.status === 'rejected' ? [(sync.reason as Error).message] : []));
  const problems = devices.flatMap(({ history, problems }) => problems.map((one) => `${history.id}: ${one}`));
  const ids = population.conversations.map(({ id }) => id);
  return {
    sends: devices.flatMap(({ sends }) => sends),
    reads: devices.flatMap(({ reads }) => reads),
    ...groupHistory(population),
    devices: devices.map(({ history }) => history),
    // On a busy machine a new connection may take too long, for example after a failover.
    database: await eventually(() => readDatabase(cluster.db, ids), READ_TIMEOUT_MS),
    exits: cluster.exits.slice(exitsBefore).map((exit) => ({ ...exit, at: exit.at - start })),
    unsettled: [...unsettled, ...failedSyncs, ...problems],
  };
}

/** Changes of groups and of messages; nothing in a round without groups. */
function groupHistory({ groups, groupChanges, devices }: Population): Partial<History> {
  if (groups.length === 0) return {};
  const actions = devices.flatMap((device) => device.groups ?? []);
  return {
    caps: CAPS,
    groupChanges: [...groupChanges, ...actions.flatMap((one) => one.groupChanges)],
    messageChanges: actions.flatMap((one) => one.messageChanges),
  };
}
