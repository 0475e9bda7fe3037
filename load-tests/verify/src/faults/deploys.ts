import {
  type ControlledService,
  checkHistory,
  eventually,
  type FaultCluster,
  quantile,
  type ViolationKind,
} from '@chat-cluster/testkit';
import { answersSince, type Balancer, gatewaysUp, startHaproxy } from '@chat-cluster/testkit/balancers';
import { connectNewUsers } from '../clients/new-users.ts';
import { sendRestRequests } from '../clients/rest-requests.ts';
import type { ActiveFault, Fault, FaultContext, RoundOutcome } from '../fault.ts';
import { balancerOf } from './load-balancer.ts';

/** Drain settings. The delay is the default: HAProxy needs 2 to 3 s to detect a gateway that is not ready. */
export const DRAIN = { DRAIN_DELAY_MS: '5000', DRAIN_WINDOW_MS: '15000' };
/**
 * Sockets that a drain closes per second (SLOWEST_PER_SECOND of the gateway's drain.ts). It applies here because the
 * gateways hold too few sockets to fill the window.
 */
const CLOSED_PER_SECOND = 20;
/**
 * Devices that leave in one second may exceed CLOSED_PER_SECOND by this factor: a library device leaves up to 0.5 s ahead
 * of its turn, so 30 are possible, and the timers of a busy machine are late.
 */
const SPIKE_FACTOR = 2;
/** Time until a restarted process must be ready, in ms. */
const RESTART_TIMEOUT_MS = 60_000;
const NEW_USERS_PER_SECOND = 3;
/** Time within which a new user must connect, in ms. */
const CONNECT_LIMIT_MS = 5_000;
const REQUESTS_PER_SECOND = 20;

type Cells = Record<string, string | number>;

interface DeploySteps {
  /** Largest number of gateways, and of workers, to restart. Default: all. */
  ofEach?: number;
  /** Runs before the first restart. Resolves with cells for the row of the round. */
  before?(cluster: FaultCluster): Promise<Cells>;
  /** Runs before the restart of each process. */
  change?(service: ControlledService): void;
  /** Further cells for the row of the round. */
  cells?(outcome: RoundOutcome): Cells;
}

/** `ofEach`: largest number of gateways, and of workers, to restart. */
export function rollingRestart({ gateways = 3, workers = 2, ofEach = Number.POSITIVE_INFINITY } = {}): Fault {
  const cluster = { gateways, workers, balancer: startHaproxy, env: DRAIN };
  return deploy({ id: 'F3', title: 'a rolling restart of all gateways and workers', cluster }, { ofEach });
}

/**
 * Restarts gateways and workers one after the other, as an orchestrator does: SIGTERM, and the next process once the
 * successor is ready and the load balancer uses it.
 */
export function deploy(fault: Omit<Fault, 'inject'>, steps: DeploySteps): Fault {
  return {
    ...fault,
    clients: 'mixed',
    pairs: 50,
    pollingEvery: 5,
    inject: async (context) => injectDeploy(context, steps),
  };
}

function injectDeploy({ cluster, population }: FaultContext, { cells, ...steps }: DeploySteps): ActiveFault {
  const balancer = balancerOf(cluster);
  const logged = balancer.log().length;
  const exitsBefore = cluster.exits.length;
  const newUsers = connectNewUsers(cluster, NEW_USERS_PER_SECOND);
  const requests = sendRestRequests(cluster, population.users, REQUESTS_PER_SECOND);
  const restarting = restartAll(cluster, balancer, steps);
  // `heal` awaits it.
  restarting.catch(() => {});
  let firstCells: Cells = {};
  let connectsMs: number[] = [];
  let failures: string[] = [];
  const responses = () => answersSince(balancer, logged);
  const serverErrors = () => responses().filter(({ status }) => status >= 500);
  return {
    lastsMs: 0,
    async heal() {
      try {
        firstCells = await restarting;
      } finally {
        connectsMs = await newUsers.stop();
        failures = await requests.stop();
      }
    },
    figures: () =>
      `${requests.count()} requests, ${failures.length} failed; ` +
      `${connectsMs.length} new sessions, p99 ${Math.round(quantile(connectsMs, 0.99))} ms`,
    row: (outcome) => ({
      lost: countViolations(outcome, 'lost'),
      duplicated: countViolations(outcome, 'duplicated'),
      ...cells?.(outcome),
      'HTTP 5xx': serverErrors().length,
      reconnects: times(outcome, 'connected').length,
      'left in one second': mostInOneSecond(times(outcome, 'disconnected')),
      ...firstCells,
      seconds: Math.round((outcome.to - outcome.from) / 1_000),
    }),
    expect: (outcome) => [
      ...serverErrors().map(({ line }) => `HAProxy returned a server error: ${line}`),
      ...(responses().length > requests.count() ? [] : ['the log of HAProxy does not contain all requests']),
      ...failures.slice(0, 3).map((failure) => `a request failed: ${failure}`),
      ...noSpike(outcome),
      ...cluster.exits.slice(exitsBefore).flatMap(({ how }) => (/exit code 0\b/.test(how) ? [] : [how])),
      ...newUsersConnectSoon(connectsMs, outcome),
    ],
  };
}

/** Resolves with the cells of `before`. */
async function restartAll(
  cluster: FaultCluster,
  balancer: Balancer,
  { before, ofEach, change }: DeploySteps,
): Promise<Cells> {
  const cells = (await before?.(cluster)) ?? {};
  for (const gateway of cluster.gateways.slice(0, ofEach)) {
    await eventually(async () => {
      const up = await gatewaysUp(balancer);
      if (up.length < cluster.gateways.length) throw new Error(`HAProxy uses only ${up}`);
    }, RESTART_TIMEOUT_MS);
    change?.(gateway);
    await restart(gateway);
  }
  for (const worker of cluster.workers.slice(0, ofEach)) {
    change?.(worker);
    await restart(worker);
  }
  return cells;
}

async function restart(service: ControlledService): Promise<void> {
  const pid = service.pid();
  service.kill('SIGTERM');
  await eventually(async () => {
    if (service.pid() === pid || !(await service.isReady())) throw new Error(`${service.name} is not ready again`);
  }, RESTART_TIMEOUT_MS);
}

/** Number of violations of these kinds in the history of the round. */
export function countViolations({ history }: RoundOutcome, ...kinds: ViolationKind[]): number {
  return checkHistory(history).violations.filter(({ kind }) => kinds.includes(kind)).length;
}

/** When devices connected again or lost their connection, in ms on the clock of the history. */
function times({ history, from, to }: RoundOutcome, of: 'connected' | 'disconnected'): number[] {
  return history.devices.flatMap(({ events }) =>
    events.flatMap(({ kind, at }) => (kind === of && at >= from && at <= to ? [at] : [])),
  );
}

function mostInOneSecond(times: readonly number[]): number {
  return Math.max(0, ...times.map((at) => times.filter((other) => other >= at && other < at + 1_000).length));
}

/**
 * The drain spreads the devices that leave, and they come back. Their return is less even than the drain: a library
 * device connects at once, a stock device after its own back-off.
 */
function noSpike(outcome: RoundOutcome): string[] {
  if (times(outcome, 'connected').length === 0) return ['no device reconnected'];
  const most = mostInOneSecond(times(outcome, 'disconnected'));
  return most <= CLOSED_PER_SECOND * SPIKE_FACTOR * outcome.deadlineFactor
    ? []
    : [`${most} devices left within one second, but a drain closes ${CLOSED_PER_SECOND} sockets a second`];
}

function newUsersConnectSoon(connectsMs: readonly number[], { deadlineFactor }: RoundOutcome): string[] {
  const slowest = Math.max(0, ...connectsMs);
  return slowest <= CONNECT_LIMIT_MS * deadlineFactor ? [] : [`a new user needed ${slowest} ms to connect`];
}
