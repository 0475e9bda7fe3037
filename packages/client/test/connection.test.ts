import { expect } from 'chai';
import { connected, goLive, setUp } from './connected-client.ts';
import { conversationId, settle, synced } from './hand-made-server.ts';

describe('the connection of a client', () => {
  it('is made again after every reason, with a back-off up to 30 s', async () => {
    const { client, server, clock } = setUp();
    clock.chance = 1;
    client.connect();
    await settle();
    const delays: number[] = [];
    for (let i = 0; i < 23; i++) {
      server.socket.push('connect_error', new Error('xhr poll error'));
      const { nextAttemptAt = 0, attempt, state, error } = client.status;
      expect([attempt, state, error?.code]).to.deep.equal([i + 1, 'waiting', 'CONNECTION_LOST']);
      delays.push(nextAttemptAt - clock.now());
      await clock.advance(nextAttemptAt - clock.now());
    }
    // At first as soon as a stock client, and after about a minute less often.
    expect(delays.slice(0, 20)).to.deep.equal([1_000, 2_000, 4_000, ...Array(17).fill(5_000)]);
    expect(delays.slice(20)).to.deep.equal([30_000, 30_000, 30_000]);
    await client.close();
  });

  it('is made again after a refusal by the server, which socket.io-client would not do', async () => {
    const setup = setUp();
    const { client, server, clock } = setup;
    client.connect();
    await settle();
    server.socket.refuse({ code: 'OVERLOADED', retryable: true, retryAfterMs: 5_000 });
    await clock.advance(4_999);
    expect(server.sockets).to.have.length(1);
    await clock.advance(1_001);
    await goLive(setup);
    server.socket.lose('io server disconnect');
    await clock.advance(1_000);
    expect(server.sockets).to.have.length(3);
    await client.close();
  });

  it('is one socket at any time', async () => {
    const { client, server, clock } = await connected();
    for (let i = 0; i < 5; i++) {
      client.connect();
      server.socket.lose();
      client.connect();
      client.connect();
      await clock.advance(1_000);
      expect(server.alive.length).to.be.at.most(1);
      server.socket.accept();
    }
    await client.close();
    expect(server.alive).to.deep.equal([]);
  });

  it('is given up when the server sends no session within 20 s', async () => {
    const { client, server, clock } = setUp();
    client.connect();
    await clock.advance(20_000);
    expect(client.status).to.include({ state: 'waiting', attempt: 1 });
    expect(server.alive).to.have.length(0);
    await client.close();
  });

  it('moves in its slot when the gateway drains, without an error', async () => {
    const setup = await connected();
    const { client, server, clock, events } = setup;
    events.status.length = 0;
    server.socket.push('server_draining', { reconnectInMs: 10_000 });
    await clock.advance(9_499);
    expect(server.sockets).to.have.length(1);
    await clock.advance(501);
    expect(server.sockets).to.have.length(2);
    await goLive(setup, { gatewayId: 'gateway-2' });
    expect(events.status.map(({ state, error }) => [state, error])).to.deep.equal([
      ['connecting', undefined],
      ['catching_up', undefined],
      ['live', undefined],
    ]);
    expect(client.status.gatewayId).to.equal('gateway-2');
    await client.close();
  });

  it('ignores what an ended socket still delivers', async () => {
    const { client, server, clock, events } = await connected();
    const [old] = server.sockets;
    const listeners = old?.listeners ?? 0;
    expect(listeners).to.be.above(0);
    old?.lose();
    await clock.advance(1_000);
    expect(old?.listeners).to.equal(0);
    expect(events.message).to.deep.equal([]);
    await client.close();
  });

  it('carries messages only while the client is live', async () => {
    const { client, server, clock } = setUp();
    const conversation = client.conversation(conversationId(1));
    client.connect();
    const sent = conversation.send('hello');
    await settle();
    server.socket.accept();
    await settle();
    expect([client.status.state, sent.status]).to.deep.equal(['catching_up', 'queued']);
    expect(server.socket.received.map(({ event }) => event)).to.deep.equal(['sync']);
    while (server.socket.has('sync')) {
      server.socket.take('sync').answer(
        synced({
          conversations: [{ id: conversationId(1), messages: [], lastSeq: 0, hasMore: false, readMarks: [] }],
        }),
      );
      await clock.advance(0);
      await settle();
    }
    expect([client.status.state, sent.status]).to.deep.equal(['live', 'sending']);
    expect(server.socket.has('send_message')).to.equal(true);
    await client.close();
  });

  it('reports each state with its time', async () => {
    const setup = await connected();
    const { client, clock, server } = setup;
    const since = clock.now();
    await clock.advance(5_000);
    expect(client.status.since).to.be.at.most(since);
    server.socket.lose();
    expect(client.status.since).to.equal(clock.now());
    expect(client.status.error?.message).to.contain('reconnects by itself');
    await client.close();
  });
});
