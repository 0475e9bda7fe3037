import { setTimeout as delay } from 'node:timers/promises';
import type { ConversationId } from '@chat-cluster/contracts';
import { laneOf } from '@chat-cluster/queue';
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
  /** The faults of a track are made one after the other; the tracks side by side, so they must not disturb each other. */
  tracks: readonly (readonly Fault[])[];
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
export async function talk(stage: Omit<Stage, 'over'>, { on = 1, lane = 1 } = {}): Promise<Talk> {
  for (;;) {
    const [user, bob] = [newUser('alice'), newUser('bob')];
    const conversationId = (await openConversation(target(stage, on), user, bob)) as ConversationId;
    if (laneOf(conversationId, stage.cluster.lanes) !== lane) continue;
    const alice = await connect(target(stage, on), user, { transports: ['websocket'] });
    stage.undo.defer(() => alice.close());
    return { alice, bob, conversationId, send: () => alice.send({ conversationId, content: 'hello' }) };
  }
}
