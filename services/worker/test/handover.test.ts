import {
  connect,
  eventually,
  newUser,
  openConversation,
  startTestCluster,
  type TestClient,
  type TestCluster,
} from '@chat-cluster/testkit';
import { expect } from 'chai';

/** The lock of a lane lasts 3 s: what waited for it to run out would take longer than this. */
const AT_ONCE_MS = 2_000;
const EVERY_MS = 20;

describe('a worker that is told to stop', () => {
  it('hands its lanes over at once: nobody waits for a lock to run out', async () => {
    const said: string[] = [];
    await using cluster = await startTestCluster({
      gatewayProcesses: 1,
      workers: 2,
      log: (line) => said.push(line),
    });
    const senders = await Promise.all(
      // With four lanes one of them is without any of these in 1 of 1,000 runs.
      Array.from({ length: 28 }, async () => {
        const [a, b] = [newUser('a'), newUser('b')];
        const conversationId = await openConversation(cluster, a, b);
        return { client: await connect(cluster, a), conversationId };
      }),
    );
    const sending = sendByTheClock(senders);
    const doomed = await eventually(() => laneHolder(cluster));
    await fetch(`http://127.0.0.1:${doomed.adminPort}/drain`, { method: 'POST' });
    await eventually(() => expect(said[0]).to.match(RegExp(`^${doomed.name} ended unexpectedly \\(exit code 0\\)`)));
    const until = sending.count() + senders.length;
    await eventually(() => expect(sending.count()).to.be.at.least(until));
    expect(Math.max(...(await sending.stop()))).to.be.below(AT_ONCE_MS);
    for (const { client } of senders) client.close();
  });
});

/** A worker that has stored something. */
async function laneHolder({ processes }: TestCluster): Promise<TestCluster['processes'][number]> {
  for (const worker of processes.filter(({ name }) => name.startsWith('worker'))) {
    const metrics = await (await fetch(`http://127.0.0.1:${worker.adminPort}/metrics`)).text();
    if (/^chat_store_results_total\{result="stored"\} [1-9]/m.test(metrics)) return worker;
  }
  throw new Error('no worker has stored anything');
}

/** `stop` resolves with the milliseconds from each send to its ack; a refusal counts as never. */
function sendByTheClock(senders: readonly { client: TestClient; conversationId: string }[]) {
  const acks: Promise<number>[] = [];
  const timer = setInterval(() => {
    const { client, conversationId } = senders[acks.length % senders.length] as (typeof senders)[number];
    const sentAt = performance.now();
    const took = ({ ok }: { ok: boolean }) => (ok ? performance.now() - sentAt : Number.POSITIVE_INFINITY);
    acks.push(client.send({ conversationId, content: 'on' }).then(took));
  }, EVERY_MS);
  return {
    count: () => acks.length,
    async stop(): Promise<number[]> {
      clearInterval(timer);
      return Promise.all(acks);
    },
  };
}
