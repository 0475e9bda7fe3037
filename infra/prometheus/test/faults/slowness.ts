import { setTimeout as delay } from 'node:timers/promises';
import { api, type ControlledService } from '@chat-cluster/testkit';
import { connectSender, gateway, repeat, type Scenario, type Stage, slowPostgres, target, worker } from './fault.ts';

/** Servers and processes that are slow, hang or are down, with default settings. */
export const SLOWNESS: Scenario = {
  options: { gateways: 2, workers: 2 },
  probe: true,
  tracks: [
    [
      {
        title: 'a slow Postgres',
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
          const { client, send } = await connectSender(stage);
          slowPostgres(stage, 1_100);
          repeat(stage, 0, send);
          // Four times as many requests as the gateway's pool has connections.
          const read = () => api(target(stage, 1), client.userId, 'GET', '/api/messages/conversations');
          for (let i = 0; i < 20; i++) repeat(stage, 0, read);
        },
      },
      {
        title: 'a Redis that hangs, so that sends fail',
        alerts: ['ChatRedisUnreachable', 'ChatAckErrors', 'ChatAckErrorsLongTerm', 'ChatProbeFailing'],
        async make(stage) {
          const { send } = await connectSender(stage);
          await stage.cluster.redis.pause();
          stage.undo.defer(() => stage.cluster.redis.resume());
          repeat(stage, 50, send);
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
        title: 'a prober and all workers that hang',
        alerts: ['ChatNoWorker', 'ChatProbeDown'],
        async make(stage) {
          for (const one of stage.cluster.workers) hang(stage, one);
          const pid = stage.prober?.pid();
          if (!pid) throw new Error('the scenario has no prober');
          process.kill(pid, 'SIGSTOP');
          stage.undo.defer(() => void process.kill(pid, 'SIGCONT'));
        },
      },
      {
        title: 'a Postgres that is down',
        alerts: ['ChatPostgresUnreachable', 'ChatStoreRetries', 'ChatLaneLate'],
        async make(stage) {
          const { send } = await connectSender(stage);
          await stage.cluster.postgres.kill();
          stage.undo.defer(() => stage.cluster.postgres.start());
          // Repeated, because a gateway that was late until now may refuse the first one. Not awaited: it gets no ack.
          repeat(stage, 200, () => void send().catch(() => {}));
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
        title: 'a gateway that gets too little CPU',
        alerts: ['ChatEventLoopLate'],
        async make(stage) {
          const starved = gateway(stage, 2);
          stage.undo.defer(() => starved.resume());
          repeat(stage, 300, async () => {
            starved.pause();
            await delay(250);
            starved.resume();
          });
        },
      },
    ],
  ],
};

/** Pauses all threads of a process. */
function hang({ undo }: Stage, service: ControlledService): void {
  service.pause();
  undo.defer(() => service.resume());
}
