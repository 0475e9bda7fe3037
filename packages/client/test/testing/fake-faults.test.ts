import type { Message } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { createFakeCluster, type FakeCluster } from '../../src/testing/index.ts';
import { fakeDevice, unconnected } from './fake-device.ts';

describe('faults of a fake cluster', () => {
  it('lose the ack of a stored message, or the message before it is stored', async () => {
    const { cluster, id, alice } = await stage();
    cluster.drop('ack:send_message');
    cluster.drop('request:send_message', { user: 'alice' });
    const acks: unknown[] = [];
    for (const content of ['1', '2', '3']) {
      alice.socket.emit('send_message', { conversationId: id, content }, (ack) => acks.push(ack));
    }
    await cluster.idle();
    expect(contents(cluster.messages(id))).to.deep.equal(['2', '3']);
    expect(contents(alice.messages())).to.deep.equal(['2', '3']);
    expect(acks).to.have.length(1);
  });

  it('repeat an event, but never an ack', async () => {
    const { cluster, id, alice, bob } = await stage();
    cluster.duplicate('new_message', { user: 'bob' });
    cluster.duplicate('ack:send_message');
    let acks = 0;
    alice.socket.emit('send_message', { conversationId: id, content: '1' }, () => acks++);
    await cluster.idle();
    expect([contents(alice.messages()), contents(bob.messages()), acks]).to.deep.equal([['1'], ['1', '1'], 1]);
  });

  it('hold deliveries of one kind while others overtake them, until they are released in any order', async () => {
    const { cluster, id, alice } = await stage();
    const releaseEvents = cluster.hold('new_message', { user: 'alice' });
    const releaseAcks = cluster.hold('ack:send_message');
    const log: string[] = [];
    alice.socket.on('new_message', ({ content }: Message) => log.push(`event ${content}`));
    for (const content of ['1', '2']) {
      alice.socket.emit('send_message', { conversationId: id, content }, () => log.push(`ack ${content}`));
    }
    await cluster.idle();
    expect(log).to.deep.equal([]);
    releaseAcks();
    await cluster.idle();
    releaseEvents();
    await cluster.idle();
    expect(log).to.deep.equal(['ack 1', 'ack 2', 'event 1', 'event 2']);
  });

  it('lose what is held for a connection that breaks; acks that are outstanding are never called', async () => {
    const { cluster, id, alice } = await stage();
    const release = cluster.hold('ack:send_message');
    let acks = 0;
    alice.socket.emit('send_message', { conversationId: id, content: '1' }, () => acks++);
    await cluster.idle();
    cluster.disconnect('alice');
    await cluster.idle();
    expect(alice.log.at(-1)).to.equal('disconnect');
    alice.socket.connect();
    release();
    await cluster.idle();
    expect([alice.socket.connected, acks]).to.deep.equal([true, 0]);
  });

  it('refuse connects and events with a coded error, without an effect', async () => {
    const { cluster, id, alice } = await stage();
    cluster.refuse('send_message', 'RATE_LIMITED', { retryAfterMs: 50, times: 2 });
    const send = () => alice.call('send_message', { conversationId: id, content: 'x' });
    const error = { code: 'RATE_LIMITED', message: 'Too many requests. Slow down.', retryable: true, retryAfterMs: 50 };
    expect([await send(), await send()]).to.deep.equal([
      { ok: false, error },
      { ok: false, error },
    ]);
    expect(await send()).to.deep.nested.include({ ok: true, 'message.seq': 1 });
    cluster.refuse('connect', 'TOKEN_INVALID');
    const late = await fakeDevice(cluster, 'alice');
    expect(late.log).to.deep.equal(['connect_error']);
    expect(late.received('connect_error')).to.have.nested.property('[0].data.code', 'TOKEN_INVALID');
    late.socket.connect();
    await cluster.idle();
    expect(late.socket.connected).to.equal(true);
  });

  it('break all connections while offline; attempts fail without a code, and HTTP requests fail', async () => {
    const { cluster, alice } = await stage();
    cluster.offline();
    await cluster.idle();
    expect(alice.received('disconnect')).to.deep.equal(['transport close']);
    alice.socket.connect();
    await cluster.idle();
    expect(alice.received('connect_error')[0]).to.be.an('error').and.not.have.property('data');
    expect(await cluster.fetch(cluster.url).catch(String)).to.equal('TypeError: fetch failed');
    cluster.online();
    alice.socket.connect();
    await cluster.idle();
    expect(alice.socket.connected).to.equal(true);
  });

  it('drain a gateway: its connections are warned, then end; others are made elsewhere', async () => {
    const { cluster, alice, bob } = await stage();
    const [gatewayId = ''] = cluster.connections('alice').map((one) => one.gatewayId);
    cluster.drain({ gatewayId, reconnectInMs: 500 });
    await cluster.advance(499);
    expect(alice.received('server_draining')).to.deep.equal([{ reconnectInMs: 500 }]);
    expect([alice.socket.connected, bob.received('server_draining')]).to.deep.equal([true, []]);
    const late = await fakeDevice(cluster, 'alice');
    expect(late.received('session')).not.to.have.nested.property('[0].gatewayId', gatewayId);
    await cluster.advance(1);
    expect([alice.socket.connected, bob.socket.connected]).to.deep.equal([false, true]);
    expect(() => cluster.drain({ gatewayId: 'x' })).to.throw('There is no x; use one of gateway-1, gateway-2.');
  });

  it('restore an earlier history under a new epoch: numbers are assigned again', async () => {
    const { cluster, id, alice, bob } = await stage();
    cluster.send({ from: 'alice', to: 'bob', content: '1' });
    const backup = cluster.backup();
    cluster.send({ from: 'alice', to: 'bob', content: '2' });
    cluster.read('bob', id);
    const late = cluster.open('alice', 'carol').id;
    cluster.restore(backup);
    const sent = cluster.send({ from: 'alice', to: 'bob', content: 'another 2' });
    await cluster.idle();
    expect(sent.seq).to.equal(2);
    expect(bob.received('sync_required')).to.deep.equal([{ reason: 'store_restored' }]);
    expect(bob.received('unread_count').at(-1)).to.include({ count: 2 });
    const { epoch, notFound } = await alice.sync({ conversations: [{ id: late, afterSeq: 0 }] });
    expect(notFound).to.deep.equal([late]);
    expect(epoch).not.to.equal((alice.received('session')[0] as { epoch: string }).epoch);
  });
});

describe('tokens of a fake cluster', () => {
  it('are announced and expire by its time; a new one keeps the connection', async () => {
    const cluster = createFakeCluster({ tokenExpiringMs: 10_000 });
    const alice = await fakeDevice(cluster, 'alice', cluster.tokenFor('alice', { expiresInMs: 60_000 }));
    await cluster.advance(50_000);
    expect(alice.received('token_expiring')).to.deep.equal([{ expiresInMs: 10_000 }]);
    const token = cluster.tokenFor('alice', { expiresInMs: 70_000 });
    expect(await alice.call('refresh_token', { token })).to.deep.equal({ ok: true, expiresInMs: 70_000 });
    const foreign = await alice.call('refresh_token', { token: cluster.tokenFor('bob') });
    expect(foreign).to.have.nested.property('error.code', 'TOKEN_INVALID');
    await cluster.advance(69_999);
    expect(alice.socket.connected).to.equal(true);
    await cluster.advance(1);
    expect(alice.received('session_ended')).to.have.nested.property('[0].error.code', 'TOKEN_EXPIRED');
    expect(alice.received('disconnect')).to.deep.equal(['transport close']);
    alice.socket.connect();
    await cluster.idle();
    expect(alice.received('connect_error')).to.have.nested.property('[0].data.code', 'TOKEN_EXPIRED');
  });

  it('that were revoked end their connections and are refused, later ones are not', async () => {
    const cluster = createFakeCluster();
    const old = cluster.tokenFor('alice');
    const alice = await fakeDevice(cluster, 'alice', old);
    cluster.revoke('alice');
    await cluster.idle();
    expect(alice.received('session_ended')).to.have.nested.property('[0].error.code', 'TOKEN_REVOKED');
    expect(alice.received('disconnect')).to.deep.equal(['io server disconnect']);
    const again = await fakeDevice(cluster, 'alice', old);
    expect(again.received('connect_error')).to.have.nested.property('[0].data.code', 'TOKEN_REVOKED');
    expect((await fakeDevice(cluster, 'alice')).socket.connected).to.equal(true);
    expect((await fakeDevice(cluster, 'alice', 'forged')).received('connect_error')).to.have.nested.property(
      '[0].data.code',
      'TOKEN_INVALID',
    );
  });
});

describe('a socket of a fake cluster', () => {
  it('gives up an attempt on disconnect, also while its token is awaited', async () => {
    const cluster = createFakeCluster();
    let give = (_data: { token: string }) => {};
    const socket = cluster.socket(cluster.url, {
      auth: (send) => {
        give = send;
      },
    });
    let connects = 0;
    socket.on('connect', () => connects++);
    socket.connect();
    await cluster.idle();
    socket.disconnect();
    give({ token: cluster.tokenFor('alice') });
    await cluster.idle();
    expect([connects, cluster.connections().length]).to.deep.equal([0, 0]);
  });

  it('sends events that were emitted without a connection after the next connect, as socket.io-client does', async () => {
    const cluster = createFakeCluster();
    const { id } = cluster.open('alice', 'bob');
    const alice = unconnected(cluster, cluster.tokenFor('alice'));
    const ack = alice.call('send_message', { conversationId: id, content: 'early' });
    alice.socket.connect();
    expect(await ack).to.include({ ok: true });
  });

  it('ends at once with disconnect; the server learns of it', async () => {
    const { cluster, alice } = await stage();
    alice.socket.disconnect();
    expect([alice.socket.connected, alice.received('disconnect')]).to.deep.equal([false, ['io client disconnect']]);
    await cluster.idle();
    expect(cluster.connections('alice')).to.deep.equal([]);
  });
});

async function stage() {
  const cluster: FakeCluster = createFakeCluster();
  const { id } = cluster.open('alice', 'bob');
  return { cluster, id, alice: await fakeDevice(cluster, 'alice'), bob: await fakeDevice(cluster, 'bob') };
}

function contents(messages: Message[]): (string | null)[] {
  return messages.map(({ content }) => content);
}
