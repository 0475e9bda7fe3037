import { between, type ControlledService, checkHistory, eventually, type FaultCluster } from '@chat-cluster/testkit';
import { answersSince, type Balancer, gatewaysUp, reloadHaproxy, startHaproxy } from '@chat-cluster/testkit/balancers';
import { gatewaysLiveOn, socketsStayConnected } from '../expectations.ts';
import type { Fault, RoundOutcome } from '../fault.ts';
import { letNewcomersCome } from '../newcomers.ts';
import { quantile } from '../quantile.ts';
import { letRequestsCome } from '../requests.ts';

/** The delay is the default: HAProxy needs 2 to 3 s to see that a gateway is not ready. */
export const DRAIN = { DRAIN_DELAY_MS: '5000', DRAIN_WINDOW_MS: '15000' };
/** SLOWEST_PER_SECOND of the gateways' drain.ts: fewer sockets than fill the window leave at this rate. */
const PACE_PER_SECOND = 20;
/** Back-off and jitter of clients move some of them into the same second. */
const SPIKE = 1.5;
const RESTARTED_WITHIN_MS = 60_000;
const NEWCOMERS_PER_SECOND = 3;
const NEWCOMER_WITHIN_MS = 5_000;
const REQUESTS_PER_SECOND = 20;

interface Deploy extends Pick<Fault, 'id' | 'title' | 'fresh' | 'cluster'> {
  /** How many gateways and how many workers are restarted, at the most; default all. */
  ofEach?: number | undefined;
  /** What comes before the first restart; resolves with cells for the row of the round. */
  before?(cluster: FaultCluster): Promise<Record<string, string | number>>;
  /** What comes before the restart of each. */
  change?: ((service: ControlledService) => void) | undefined;
  /** More cells for the row. */
  cells?(outcome: RoundOutcome): Record<string, string | number>;
}

/** `ofEach`: how many gateways and how many workers are restarted, at the most. */
export function rollingRestart({ gateways = 3, workers = 2, ofEach = Number.POSITIVE_INFINITY } = {}): Fault {
  return deploy({
    id: 'F3',
    title: 'a rolling restart of all gateways and workers',
    cluster: { gateways, workers, balancer: startHaproxy, env: DRAIN },
    ofEach,
  });
}

/** As an orchestrator deploys: SIGTERM, the next one once its successor is ready and the load balancer knows it. */
export function deploy({ before, change, cells, ofEach, ...fault }: Deploy): Fault {
  return {
    ...fault,
    pairs: 50,
    pollingEvery: 5,
    async inject({ cluster, population }) {
      const balancer = balancerOf(cluster);
      const logged = balancer.log().length;
      const exitsBefore = cluster.exits.length;
      const newcomers = letNewcomersCome(cluster, NEWCOMERS_PER_SECOND);
      const requests = letRequestsCome(cluster, population.users, REQUESTS_PER_SECOND);
      let first: Record<string, string | number> | undefined;
      const restarting = (async () => {
        first = await before?.(cluster);
        await restartAll(cluster, balancer, { ofEach, change });
      })();
      // Waited for in `heal`.
      restarting.catch(() => {});
      let newcomersMs: number[] = [];
      let failures: string[] = [];
      const answers = () => answersSince(balancer, logged);
      const errors = () => answers().filter(({ status }) => status >= 500);
      return {
        lastsMs: 0,
        async heal() {
          try {
            await restarting;
          } finally {
            newcomersMs = await newcomers.stop();
            failures = await requests.stop();
          }
        },
        figures: () =>
          `${requests.count()} requests, ${failures.length} without a good answer; ` +
          `${newcomersMs.length} new sessions, p99 ${Math.round(quantile(newcomersMs, 0.99))} ms`,
        row: (outcome) => ({
          ...wrongMessages(outcome),
          ...cells?.(outcome),
          'HTTP 5xx': errors().length,
          reconnects: reconnects(outcome).length,
          'in one second': mostInOneSecond(reconnects(outcome)),
          ...first,
          seconds: Math.round((outcome.to - outcome.from) / 1_000),
        }),
        expect: (outcome) => [
          ...errors().map(({ line }) => `an answer of HAProxy: ${line}`),
          ...(answers().length > requests.count() ? [] : ['the log of HAProxy does not show all requests']),
          ...failures.slice(0, 3).map((failure) => `a request: ${failure}`),
          ...noSpike(outcome),
          ...cluster.exits.slice(exitsBefore).flatMap(({ how }) => (/exit code 0\b/.test(how) ? [] : [how])),
          ...(Math.max(0, ...newcomersMs) <= NEWCOMER_WITHIN_MS * outcome.patience
            ? []
            : [`a new user needed ${Math.max(...newcomersMs)} ms to connect`]),
        ],
      };
    },
  };
}

async function restartAll(
  cluster: FaultCluster,
  balancer: Balancer,
  { ofEach, change }: Pick<Deploy, 'ofEach' | 'change'>,
): Promise<void> {
  for (const gateway of cluster.gateways.slice(0, ofEach)) {
    await eventually(async () => {
      const up = await gatewaysUp(balancer);
      if (up.length < cluster.gateways.length) throw new Error(`HAProxy sees only ${up}`);
    }, RESTARTED_WITHIN_MS);
    change?.(gateway);
    await restart(gateway);
  }
  for (const worker of cluster.workers.slice(0, ofEach)) {
    change?.(worker);
    await restart(worker);
  }
}

async function restart(service: ControlledService): Promise<void> {
  const pid = service.pid();
  service.kill('SIGTERM');
  await eventually(async () => {
    if (service.pid() === pid || !(await service.isReady())) throw new Error(`${service.name} has not come back`);
  }, RESTARTED_WITHIN_MS);
}

function wrongMessages({ history }: RoundOutcome): { lost: number; duplicated: number } {
  const count = (kind: string) => checkHistory(history).violations.filter((one) => one.kind === kind).length;
  return { lost: count('lost'), duplicated: count('duplicated') };
}

/** When devices connected again, in order. */
function reconnects({ history, from, to }: RoundOutcome): number[] {
  const times = history.devices.flatMap(({ events }) =>
    events.flatMap(({ kind, at }) => (kind === 'connected' && at >= from && at <= to ? [at] : [])),
  );
  return times.sort((a, b) => a - b);
}

function mostInOneSecond(times: readonly number[]): number {
  return Math.max(0, ...times.map((at) => times.filter((other) => other >= at && other < at + 1_000).length));
}

/** Nobody hears of a deploy by a storm of its clients; and there were some. */
function noSpike(outcome: RoundOutcome): string[] {
  const most = mostInOneSecond(reconnects(outcome));
  if (most === 0) return ['nobody reconnected'];
  return most <= PACE_PER_SECOND * SPIKE
    ? []
    : [`${most} devices reconnected within one second, ${PACE_PER_SECOND} a second are the pace`];
}

/**
 * Every other time it is killed, everybody with it; else it is reloaded: the new process knows sessions by their cookie
 * only, and takes the next poll of each.
 */
export const balancerRestarted: Fault = {
  id: 'F21',
  title: 'the load balancer is restarted or reloaded',
  pollingEvery: 3,
  cluster: { balancer: startHaproxy },
  async inject({ cluster, random, round }) {
    const balancer = balancerOf(cluster);
    const logged = balancer.log().length;
    const reloaded = round % 2 === 0;
    if (reloaded) await reloadHaproxy(balancer);
    else await balancer.kill();
    return {
      lastsMs: reloaded ? 1_000 : between(random, 300, 3_000),
      heal: () => (reloaded ? Promise.resolve() : balancer.start()),
      expect: (outcome) => [...(reloaded ? socketsStayConnected(outcome) : []), ...noLoop(outcome, balancer, logged)],
    };
  },
  expect: gatewaysLiveOn,
};

/** A device has at most one request on its way that can meet a gateway without its session (400). */
function noLoop({ history }: RoundOutcome, balancer: Balancer, logged: number): string[] {
  const strays = answersSince(balancer, logged).filter(({ status }) => status === 400).length;
  return strays <= history.devices.length
    ? []
    : [`${strays} requests named a session that their gateway did not know: they went to the wrong one`];
}

function balancerOf({ balancer }: FaultCluster): Balancer {
  if (!balancer) throw new Error('this fault needs a load balancer before the gateways');
  return balancer;
}
