import type { ConversationId } from '@chat-cluster/contracts';
import { type ServiceProcess, startChatService } from '@chat-cluster/local-cluster';
import { laneNumberOf } from '@chat-cluster/queue';
import { every, type Repetition } from '@chat-cluster/runtime';
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

/** Something that goes wrong with real parts, and the alerts that it must fire. */
export interface Fault {
  /** Completes "fires alerts for". */
  title: string;
  /** All of them must fire, not necessarily at the same time. None of them fires before the fault is made. */
  alerts: readonly string[];
  /** Resolves when the fault is made. What must continue until its alerts have fired is in `repeat`. */
  make(stage: Stage): Promise<unknown>;
}

/** What a fault acts on. */
export interface Stage {
  cluster: FaultCluster;
  /** Absent where the scenario has none. */
  prober: ServiceProcess | undefined;
  /** JWT_KEYS_FILE of the gateways: a set without keys. */
  keysFile: string;
  /** Stopped when the alerts of the fault have fired, all at the same time. */
  repetitions: Repetition[];
  /** Then ends the fault: closes clients, resumes processes. */
  undo: AsyncDisposableStack;
}

/** A cluster with its own Prometheus, and the faults that are made on it. */
export interface Scenario {
  options: FaultClusterOptions;
  /** Adds a prober, five times as fast as in production, with one user on each of the first two gateways. */
  probe?: boolean;
  /** Faults of one track are made one after another, the tracks side by side: they must not disturb each other. */
  tracks: readonly (readonly Fault[])[];
}

/** Starts the prober of a scenario. */
export function startProber({ cluster }: Pick<Stage, 'cluster'>): Promise<ServiceProcess> {
  return startChatService({
    kind: 'prober',
    name: 'prober',
    env: {
      JWT_SECRET: cluster.jwtSecret,
      PROBE_ENTRY: [1, 2].map((n) => target({ cluster }, n).url).join(','),
      PROBE_INTERVAL_MS: '200',
      // Longer than a message takes during the fault "a slow Postgres".
      PROBE_LOST_AFTER_MS: '6000',
    },
    logFile: `${cluster.logsDir}/prober.log`,
    log: () => {},
  });
}

/** Runs `work` now and every `everyMs` until the fault ends. Rejections are ignored: they can be part of the fault. */
export function repeat({ repetitions }: Stage, everyMs: number, work: () => unknown): void {
  const repetition = every(everyMs, work);
  repetition.now();
  repetitions.push(repetition);
}

/** Delays every response of Postgres to gateway-1 and to the workers by `ms`. */
export function slowPostgres(stage: Stage, ms: number): void {
  for (const { postgres } of [gateway(stage, 1), ...stage.cluster.workers]) {
    postgres.set({ kind: 'delay', ms }, 'toClient');
    stage.undo.defer(() => postgres.set({ kind: 'pass' }));
  }
}

/** Gateway `n`; the first one is 1, as in its name. */
export function gateway({ cluster }: Pick<Stage, 'cluster'>, n: number): ControlledService {
  return cluster.gateways[n - 1] as ControlledService;
}

/** Worker `n`; the first one is 1, as in its name. */
export function worker({ cluster }: Pick<Stage, 'cluster'>, n: number): ControlledService {
  return cluster.workers[n - 1] as ControlledService;
}

/** Address of gateway `n`, without the entry. */
export function target(stage: Pick<Stage, 'cluster'>, n: number): Target {
  return { url: `http://127.0.0.1:${gateway(stage, n).port}`, jwtSecret: stage.cluster.jwtSecret };
}

/** A connected user, and a conversation in which it can send. */
export interface Sender {
  client: TestClient;
  receiverId: string;
  conversationId: ConversationId;
  /** Sends a message; rejects when there is no ack within 20 s. */
  send(): ReturnType<TestClient['send']>;
}

/** Connects a new user to gateway `on`, with a conversation that is in lane `lane`. */
export async function connectSender(
  stage: Pick<Stage, 'cluster' | 'undo'>,
  { on = 1, lane = 1 } = {},
): Promise<Sender> {
  for (;;) {
    const [userId, receiverId] = [newUser('alice'), newUser('bob')];
    const conversationId = (await openConversation(target(stage, on), userId, receiverId)) as ConversationId;
    if (laneNumberOf(conversationId, stage.cluster.lanes) !== lane) continue;
    const client = await connect(target(stage, on), userId, { transports: ['websocket'] });
    stage.undo.defer(() => client.close());
    return { client, receiverId, conversationId, send: () => client.send({ conversationId, content: 'hello' }) };
  }
}
