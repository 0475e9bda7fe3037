import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  api,
  connect,
  connectElsewhere,
  eventually,
  newUser,
  openConversation,
  startTestCluster,
  type TestCluster,
} from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('a process that dies', () => {
  let cluster: TestCluster;

  before(async () => {
    cluster = await startTestCluster({ workers: 2 });
  });
  after(() => cluster.stop());

  const pidOf = (name: string) => cluster.processes.find((one) => one.name === name)?.pid ?? 0;

  /** The forks of the gateway's supervisor, read from the operating system. */
  function forks(): number[] {
    const pids = execFileSync('cat', [`/proc/${pidOf('gateway')}/task/${pidOf('gateway')}/children`], {
      encoding: 'utf8',
    });
    return pids.split(' ').filter(Boolean).map(Number);
  }

  /** A connection to the entry that has sent its request. */
  async function send(request: string): Promise<Socket> {
    const socket = connectTo(Number(new URL(cluster.url).port), '127.0.0.1').resume();
    socket.on('error', () => {});
    await new Promise((resolve) => socket.write(request, resolve));
    return socket;
  }

  it('is a gateway: it is forked again, its clients reconnect, and chat goes on', async () => {
    const [a, b] = [newUser('a'), newUser('b')];
    const conversationId = await openConversation(cluster, a, b);
    const alice = await connect(cluster, a);
    const bob = await connectElsewhere(cluster, b, alice.session.gatewayId);
    const before = forks();
    expect(before).to.have.length(2);
    let reconnects = 0;
    for (const client of [alice, bob]) client.socket.on('connect', () => reconnects++);
    for (const pid of before) process.kill(pid, 'SIGKILL');
    await eventually(() => {
      expect(reconnects).to.equal(2);
      expect(forks().filter((pid) => !before.includes(pid))).to.have.length(2);
    });
    expect(await alice.send({ conversationId, content: 'after' })).to.include({ ok: true });
    await eventually(() => expect(bob.messages.map((message) => message.content)).to.deep.equal(['after']));
    await eventually(() => expect(bob.badges.at(-1)?.count).to.equal(1));
    alice.close();
    bob.close();
  });

  it('is a gateway with requests on their way to it: these end, and later ones reach other forks', async () => {
    const dying = forks();
    for (const pid of dying) process.kill(pid, 'SIGSTOP');
    // Requests without a body are handed over, those with a body are passed on.
    const requests = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        send(i % 2 ? 'POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n1' : 'GET / HTTP/1.1\r\n\r\n'),
      ),
    );
    // The supervisor has read the requests when it answers the third of these.
    const admin = cluster.processes.find(({ name }) => name === 'gateway')?.adminPort;
    for (let i = 0; i < 3; i++) expect((await fetch(`http://127.0.0.1:${admin}/healthz`)).status).to.equal(200);
    for (const pid of dying) process.kill(pid, 'SIGKILL');
    await Promise.all(requests.map((socket) => once(socket, 'close')));
    await eventually(async () => expect((await fetch(`${cluster.url}/healthz`)).status).to.equal(200));
    for (let i = 0; i < 20; i++) expect((await fetch(`${cluster.url}/healthz`)).status).to.equal(200);
  });

  it('is a worker: it is started again, and meanwhile other workers serve its lanes', async () => {
    const [a, b] = [newUser('a'), newUser('b')];
    const conversationId = await openConversation(cluster, a, b);
    const alice = await connect(cluster, a);
    const old = pidOf('worker-1');
    process.kill(old, 'SIGKILL');
    expect(await alice.send({ conversationId, content: 'meanwhile' })).to.include({ ok: true });
    await eventually(() => expect(pidOf('worker-1')).to.be.greaterThan(0).and.not.equal(old));
    expect(await alice.send({ conversationId, content: 'after' })).to.include({ ok: true });
    await eventually(() => expect(alice.messages.map((message) => message.seq)).to.deep.equal([1, 2]));
    alice.close();
  });

  it('is a worker at work: no acknowledged message is lost or stored twice, and order holds', async () => {
    const [a, b] = [newUser('a'), newUser('b')];
    const conversationId = await openConversation(cluster, a, b);
    const [alice, bob] = [await connect(cluster, a), await connect(cluster, b)];
    const contents = Array.from({ length: 600 }, (_, i) => String(i));
    let acked = 0;
    /** Sends that were refused: on a busy machine a lane may have no worker for longer than the gateway waits. */
    const resent = new Set<string>();
    const send = async (content: string): Promise<void> => {
      const ack = await alice.send({ conversationId, content, clientMessageId: content });
      if (ack.ok) return void acked++;
      expect(ack.error.retryable).to.equal(true);
      resent.add(content);
      await delay(ack.error.retryAfterMs);
      return send(content);
    };
    const sending = (async () => {
      for (let i = 0; i < contents.length; i += 20) await Promise.all(contents.slice(i, i + 20).map(send));
    })();
    await eventually(() => expect(acked).to.be.greaterThan(60));
    process.kill(pidOf('worker-1'), 'SIGKILL');
    await eventually(() => expect(acked).to.be.greaterThan(300));
    process.kill(pidOf('worker-2'), 'SIGKILL');
    await sending;
    const stored: string[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const page: { body: { messages: { content: string; seq: number }[]; nextCursor: number | null } } = await api(
        cluster,
        b,
        'GET',
        `/api/messages/with/${a}?after=${after}&limit=100`,
      );
      stored.push(...page.body.messages.map((message) => message.content));
      after = page.body.nextCursor;
    }
    expect(stored.toSorted((x, y) => Number(x) - Number(y))).to.deep.equal(contents);
    const sentOnce = (content: string) => !resent.has(content);
    expect(stored.filter(sentOnce)).to.deep.equal(contents.filter(sentOnce));
    await eventually(() => expect(bob.badges.at(-1)?.count).to.equal(600));
    alice.close();
    bob.close();
  });

  it('keeps the order of every sender when two workers share the lanes', async () => {
    const contents = Array.from({ length: 150 }, (_, i) => String(i));
    const pairs = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const [a, b] = [newUser('a'), newUser('b')];
        const conversationId = await openConversation(cluster, a, b);
        return { conversationId, alice: await connect(cluster, a), bob: await connect(cluster, b) };
      }),
    );
    // Each lane has a worker again when it accepts a message.
    for (const { conversationId, alice } of pairs) {
      const first = { conversationId, content: 'first', clientMessageId: 'first' };
      await eventually(async () => expect(await alice.send(first)).to.include({ ok: true }));
    }
    const acks = await Promise.all(
      pairs.flatMap(({ conversationId, alice }) => contents.map((content) => alice.send({ conversationId, content }))),
    );
    expect(acks.filter(({ ok }) => !ok)).to.deep.equal([]);
    for (const { alice, bob } of pairs) {
      await eventually(() => expect([alice, bob].map((client) => client.messages.length)).to.deep.equal([151, 151]));
      for (const client of [alice, bob]) {
        expect(client.messages.map((message) => message.content)).to.deep.equal(['first', ...contents]);
        expect(client.messages.map((message) => message.seq)).to.deep.equal(
          Array.from({ length: 151 }, (_, i) => i + 1),
        );
        client.close();
      }
    }
  });
});
