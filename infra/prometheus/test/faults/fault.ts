import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ConversationId } from '@chat-cluster/contracts';
import { repository, type ServiceProcess, startService } from '@chat-cluster/local-cluster';
import { laneNumberOf } from '@chat-cluster/queue';
import {
  type ControlledService,
  connect,
  type FaultCluster,
  type FaultClusterOptions,
  newUser,
  openConversation,
  type Target,
  type TestClient,
} from '@chat-cluster/testkit';

/** Where a fault is made. */
export interface Stage {
  cluster: FaultCluster;
  /** Absent where the scenario has none. */
  prober: ServiceProcess | undefined;
  /** What ends the fault, once its alerts have fired: clients closed, processes resumed. */
  undo: AsyncDisposableStack;
  /** Aborted just before. */
  over: AbortSignal;
}

/** Something that goes wrong, on real parts, and the alerts that tell of it. */
export interface Fault {
  /** Completes "tells of". */
  title: string;
  /** All of them are to fire, not necessarily at the same time; none of them fires before the fault is made. */
  alerts: readonly string[];
  /** Resolves when it is made; what goes on until its alerts have fired is `repeat`. */
  make(stage: Stage): Promise<unknown>;
}

/** A cluster with a Prometheus of its own, and the faults made on it. */
export interface Scenario {
  options: FaultClusterOptions;
  /** With a prober, five times as fast as in production, one user on each of the first two gateways. */
  probe?: boolean;
  /** The faults of a track are made one after the other; the tracks side by side, so they must not disturb each other. */
  tracks: readonly (readonly Fault[])[];
}

/** The prober of a scenario that has one. */
export async function startProber({ cluster }: Pick<Stage, 'cluster'>): Promise<ServiceProcess> {
  return startService({
    name: 'prober',
    main: join(repository, 'services/prober/src/main.ts'),
    env: {
      ...process.env,
      ...{ HOST: '127.0.0.1', ADMIN_PORT: '0', LOG_FORMAT: 'json', JWT_SECRET: cluster.jwtSecret },
      PROBE_ENTRY: [1, 2].map((n) => target({ cluster }, n).url).join(','),
      // Longer than a message takes when Postgres is as slow as it is made here.
      ...{ PROBE_INTERVAL_MS: '200', PROBE_LOST_AFTER_MS: '6000' },
    },
    logFile: join(cluster.logsDir, 'prober.log'),
    log: () => {},
  });
}

/** Does it again `everyMs` after it is done, until the fault is over. That it fails may be what the fault is about. */
export function repeat({ undo, over }: Stage, everyMs: number, act: () => unknown): void {
  const done = (async () => {
    while (!over.aborted) {
      await Promise.try(act).catch(() => {});
      await delay(everyMs, undefined, { signal: over }).catch(() => {});
    }
  })();
  undo.defer(() => done);
}

/** Gateway n, from 1 as in its name. */
export function gateway({ cluster }: Pick<Stage, 'cluster'>, n: number): ControlledService {
  return cluster.gateways[n - 1] as ControlledService;
}

/** Worker n, from 1. */
export function worker({ cluster }: Pick<Stage, 'cluster'>, n: number): ControlledService {
  return cluster.workers[n - 1] as ControlledService;
}

/** How clients reach gateway n past the entry. */
export function target(stage: Pick<Stage, 'cluster'>, n: number): Target {
  return { url: `http://127.0.0.1:${gateway(stage, n).port}`, jwtSecret: stage.cluster.jwtSecret };
}

/** A user who is connected, and another one to whom messages may be sent. */
export interface Talk {
  alice: TestClient;
  bob: string;
  conversationId: ConversationId;
  /** Rejects when there is no ack for 20 s. */
  send(): ReturnType<TestClient['send']>;
}

/** New users, whose conversation is in this lane. `alice` is connected to gateway n. */
export async function talk(stage: Pick<Stage, 'cluster' | 'undo'>, { on = 1, lane = 1 } = {}): Promise<Talk> {
  for (;;) {
    const [user, bob] = [newUser('alice'), newUser('bob')];
    const conversationId = (await openConversation(target(stage, on), user, bob)) as ConversationId;
    if (laneNumberOf(conversationId, stage.cluster.lanes) !== lane) continue;
    const alice = await connect(target(stage, on), user, { transports: ['websocket'] });
    stage.undo.defer(() => alice.close());
    return { alice, bob, conversationId, send: () => alice.send({ conversationId, content: 'hello' }) };
  }
}
