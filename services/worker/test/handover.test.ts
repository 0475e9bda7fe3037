import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
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

const EVERY_MS = 20;

describe('a worker that is stopped', () => {
  it('hands its lanes over: no lock runs out, and every message is acknowledged', async () => {
    const lines: string[] = [];
    await using cluster = await startTestCluster({
      gatewayProcesses: 1,
      workers: 2,
      log: (line) => lines.push(line),
    });
    const senders = await Promise.all(
      // With 28 conversations, one of the four lanes has none in only 1 of 1,000 runs.
      Array.from({ length: 28 }, async () => {
        const [a, b] = [newUser('a'), newUser('b')];
        const conversationId = await openConversation(cluster, a, b);
        return { client: await connect(cluster, a), conversationId };
      }),
    );
    const sending = sendRegularly(senders);
    const stopped = await eventually(() => laneHolder(cluster));
    const other = cluster.processes.find(({ name }) => name.startsWith('worker') && name !== stopped.name);
    if (!other) return expect.fail('there is one worker');
    await fetch(`http://127.0.0.1:${stopped.adminPort}/drain`, { method: 'POST' });
    await eventually(() => expect(lines[0]).to.match(RegExp(`^${stopped.name} ended unexpectedly \\(exit code 0\\)`)));
    const until = sending.count() + senders.length;
    await eventually(() => expect(sending.count()).to.be.at.least(until));
    expect(await sending.stop()).to.not.include(false);
    // What a worker logs that had to wait for the lock of another.
    const log = await readFile(join(cluster.dataDir, 'logs', `${other.name}.log`), 'utf8');
    expect(log).to.not.include('taken over from a dead worker');
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

/** `stop` resolves with whether each message was acknowledged. */
function sendRegularly(senders: readonly { client: TestClient; conversationId: string }[]) {
  const acks: Promise<boolean>[] = [];
  const timer = setInterval(() => {
    const { client, conversationId } = senders[acks.length % senders.length] as (typeof senders)[number];
    acks.push(client.send({ conversationId, content: 'on' }).then(({ ok }) => ok));
  }, EVERY_MS);
  return {
    count: () => acks.length,
    async stop(): Promise<boolean[]> {
      clearInterval(timer);
      return Promise.all(acks);
    },
  };
}
