import { setTimeout as delay } from 'node:timers/promises';
import { api, type ControlledService } from '@chat-cluster/testkit';
import { gateway, repeat, type Scenario, type Stage, talk, target, worker } from './fault.ts';

/** Servers and processes that are slow, hang or are away; everything set as it comes. */
export const OUTAGES: Scenario = {
  options: { gateways: 2, workers: 2 },
  probe: true,
  tracks: [
    [
      {
        title: 'a slow Postgres, and of all that waits for it',
        alerts: [
          'ChatAcksSlow',
          'ChatAcksSlowLongTerm',
          'ChatDeliverySlow',
          'ChatDeliverySlowLongTerm',
          'ChatProbeSlow',
          'ChatPostgresSlow',
          'ChatPostgresPoolExhausted',
        ],
        async make(stage) {
          const { alice, send } = await talk(stage);
          slowPostgres(stage, 1_100);
          repeat(stage, 0, send);
          // Four times the pool of a gateway.
          const ask = () => api(target(stage, 1), alice.userId, 'GET', '/api/messages/conversations');
          for (let i = 0; i < 20; i++) repeat(stage, 0, ask);
        },
      },
      {
        title: 'a Redis that hangs, and of the sends that fail',
        alerts: ['ChatRedisUnreachable', 'ChatAckErrors', 'ChatAckErrorsLongTerm', 'ChatProbeFailing'],
        async make(stage) {
          const { send } = await talk(stage);
          await stage.cluster.redis.pause();
          stage.undo.defer(() => stage.cluster.redis.resume());
          repeat(stage, 50, send);
        },
      },
      {
        title: 'more sends than Postgres stores',
        alerts: ['ChatLaneSheds'],
        async make(stage) {
          const { alice, conversationId } = await talk(stage);
          slowPostgres(stage, 400);
          const draft = { conversationId, content: 'hello' } as never;
          // 2,000 a second; the lane stores 200 in 0.4 s.
          repeat(stage, 100, () => {
            for (let i = 0; i < 200; i++) alice.socket.emit('send_message', draft, () => {});
          });
        },
      },
      {
        title: 'a Postgres that is away, and of what waits for it',
        alerts: ['ChatPostgresUnreachable', 'ChatStoreRetries', 'ChatLaneLate'],
        async make(stage) {
          const { send } = await talk(stage);
          await stage.cluster.postgres.kill();
          stage.undo.defer(() => stage.cluster.postgres.start());
          send().catch(() => {});
        },
      },
      {
        title: 'a worker that hangs while the other one has lost Redis',
        alerts: ['ChatWorkerDown', 'ChatLaneWithoutWorker'],
        async make(stage) {
          worker(stage, 2).redis.set({ kind: 'reset' });
          stage.undo.defer(() => worker(stage, 2).redis.set({ kind: 'pass' }));
          hang(stage, worker(stage, 1));
        },
      },
      {
        title: 'workers that all hang',
        alerts: ['ChatNoWorker'],
        async make(stage) {
          for (const one of stage.cluster.workers) hang(stage, one);
        },
      },
      {
        title: 'a prober that hangs',
        alerts: ['ChatProbeDown'],
        async make({ prober, undo }) {
          const pid = prober?.pid();
          if (!pid) throw new Error('no prober');
          process.kill(pid, 'SIGSTOP');
          undo.defer(() => void process.kill(pid, 'SIGCONT'));
        },
      },
    ],
    [
      {
        title: 'a gateway that hangs',
        alerts: ['ChatGatewayDown'],
        async make(stage) {
          hang(stage, gateway(stage, 2));
        },
      },
      {
        title: 'a gateway that gets no CPU most of the time',
        alerts: ['ChatEventLoopLate'],
        async make(stage) {
          const starved = gateway(stage, 2);
          stage.undo.defer(() => starved.resume());
          repeat(stage, 50, async () => {
            starved.pause();
            await delay(250);
            starved.resume();
          });
        },
      },
    ],
  ],
};

/** Every answer to gateway-1 and the workers comes so much later. */
function slowPostgres(stage: Stage, ms: number): void {
  for (const { postgres } of [gateway(stage, 1), ...stage.cluster.workers]) {
    postgres.set({ kind: 'delay', ms }, 'toClient');
    stage.undo.defer(() => postgres.set({ kind: 'pass' }));
  }
}

function hang({ undo }: Stage, service: ControlledService): void {
  service.pause();
  undo.defer(() => service.resume());
}
