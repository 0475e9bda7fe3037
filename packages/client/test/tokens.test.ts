import { expect } from 'chai';
import { Unauthorized } from '../src/index.ts';
import type { GetToken, TokenReason } from '../src/types.ts';
import { connected, goLive, setUp } from './connected-client.ts';
import { settle } from './hand-made-server.ts';

/** A token whose payload has this `exp`. */
function jwt(expiresAt: number): string {
  return `header.${btoa(JSON.stringify({ exp: expiresAt / 1_000 }))}.signature-${expiresAt}`;
}

/** A `getToken` that notes why it is called. */
function noting(reasons: TokenReason[], token: () => string): GetToken {
  return ({ reason }) => {
    reasons.push(reason);
    return token();
  };
}

describe('the tokens of a client', () => {
  it('are fetched once, and not again because a connection failed', async () => {
    const reasons: TokenReason[] = [];
    const setup = await connected({ getToken: noting(reasons, () => 'token') });
    for (let i = 0; i < 3; i++) {
      setup.server.socket.lose();
      await setup.clock.advance(30_000);
    }
    expect(setup.server.sockets.length).to.be.above(2);
    expect(reasons).to.deep.equal(['first']);
    await setup.client.close();
  });

  it('are fetched once at a time', async () => {
    const waiting: ((token: string) => void)[] = [];
    const getToken = () => new Promise<string>((resolve) => waiting.push(resolve));
    const { client, server } = setUp({ getToken });
    client.connect();
    const listed = client.conversations.loadMore();
    await settle();
    expect(waiting).to.have.length(1);
    waiting[0]?.('token');
    await listed;
    expect([server.socket.token, server.listCalls]).to.deep.equal(['token', 1]);
    await client.close();
  });

  it('are used until shortly before their expiry, with jitter', async () => {
    const setup = setUp();
    const { clock } = setup;
    const reasons: TokenReason[] = [];
    const own = setUp(
      {
        getToken: ({ reason }) => {
          reasons.push(reason);
          return jwt(clock.now() + 600_000);
        },
      },
      { clock },
    );
    await goLive(own);
    await clock.advance(500_000);
    own.server.socket.lose();
    await clock.advance(1_000);
    expect(reasons).to.deep.equal(['first']);
    await clock.advance(60_000);
    own.server.socket.lose();
    await clock.advance(3_000);
    expect(reasons).to.deep.equal(['first', 'expiring']);
    await own.client.close();
    await setup.client.close();
  });

  it('are not fetched in a loop when the clock of the device is wrong', async () => {
    const reasons: TokenReason[] = [];
    const getToken = noting(reasons, () => jwt(1_000_000));
    const setup = await connected({ getToken });
    setup.server.socket.lose();
    await setup.clock.advance(2_000);
    expect(reasons).to.deep.equal(['first']);
    await setup.client.close();
  });

  it('are fetched anew after each TOKEN_EXPIRED and TOKEN_INVALID, with the reason', async () => {
    const reasons: TokenReason[] = [];
    const { client, server, clock } = setUp({
      getToken: noting(reasons, () => `token ${reasons.length}`),
    });
    client.connect();
    await settle();
    server.socket.refuse({ code: 'TOKEN_EXPIRED' });
    await settle();
    expect(server.socket.token).to.equal('token 2');
    server.socket.refuse({ code: 'TOKEN_INVALID' });
    await clock.advance(2_000);
    expect(reasons).to.deep.equal(['first', 'expired', 'rejected']);
    await client.close();
  });

  it('lead to unauthorized after three refusals, and connect leaves that state', async () => {
    const { client, server, clock, events } = setUp();
    client.connect();
    await settle();
    for (let i = 0; i < 3; i++) {
      server.socket.refuse({ code: 'TOKEN_INVALID' });
      await clock.advance((client.status.nextAttemptAt ?? clock.now()) - clock.now());
    }
    expect(client.status).to.deep.include({ state: 'unauthorized' });
    expect(client.status.error?.code).to.equal('TOKEN_INVALID');
    await clock.advance(3_600_000);
    expect(server.sockets).to.have.length(3);
    await goLive({ client, server, clock, events });
    await client.close();
  });

  it('do not lead to unauthorized when the refusals are an hour apart', async () => {
    const { client, server, clock } = setUp();
    client.connect();
    await settle();
    for (let i = 0; i < 4; i++) {
      server.socket.refuse({ code: 'TOKEN_EXPIRED' });
      // The server cannot be reached for an hour.
      for (let minutes = 0; minutes < 60; minutes++) {
        await settle();
        server.socket.push('connect_error', new Error('websocket error'));
        await clock.advance(60_000);
      }
      server.socket.push('connect_error', new Error('websocket error'));
      await clock.advance((client.status.nextAttemptAt ?? clock.now()) - clock.now());
      expect(client.status.state).to.equal('connecting');
    }
    await client.close();
  });

  it('lead to unauthorized when getToken fails five times', async () => {
    let calls = 0;
    const getToken = () => {
      calls++;
      throw new Error('The answer was 503.');
    };
    const { client, clock, server } = setUp({ getToken });
    client.connect();
    await clock.advance(600_000);
    expect(client.status.error?.message).to.equal(
      'getToken failed: The answer was 503. Check the service that issues tokens.',
    );
    expect([client.status.state, client.status.error?.code, calls]).to.deep.equal([
      'unauthorized',
      'GET_TOKEN_FAILED',
      5,
    ]);
    expect(server.sockets).to.have.length(0);
    await client.close();
  });

  it('lead to signed_out when getToken resolves with null, and to unauthorized after Unauthorized', async () => {
    const out = setUp({ getToken: () => null });
    out.client.connect();
    await settle();
    expect(out.client.status.state).to.equal('signed_out');
    const stopped = setUp({ getToken: () => Promise.reject(new Unauthorized()) });
    stopped.client.connect();
    await stopped.clock.advance(60_000);
    expect([stopped.client.status.state, stopped.server.sockets.length]).to.deep.equal(['unauthorized', 0]);
    await Promise.all([out.client.close(), stopped.client.close()]);
  });

  it('that hang are ended after 30 s', async () => {
    const signals: AbortSignal[] = [];
    const { client, clock } = setUp({
      getToken: ({ signal }) => {
        signals.push(signal);
        return new Promise<string>(() => {});
      },
    });
    client.connect();
    await clock.advance(30_000);
    expect([client.status.state, client.status.error?.code, signals[0]?.aborted]).to.deep.equal([
      'waiting',
      'GET_TOKEN_FAILED',
      true,
    ]);
    await client.close();
  });

  it('are replaced on the open connection ahead of their expiry', async () => {
    let calls = 0;
    const { client, server } = await connected({ getToken: () => `token ${++calls}` });
    server.socket.push('token_expiring', { expiresInMs: 60_000 });
    await settle();
    const { payload, answer } = server.socket.take('refresh_token');
    answer({ ok: true, expiresInMs: 3_600_000 });
    expect(payload).to.deep.equal({ token: 'token 2' });
    expect(server.sockets).to.have.length(1);
    await client.close();
  });

  it('that resolve after a reconnect are not sent as a refresh', async () => {
    const waiting: ((token: string) => void)[] = [];
    let calls = 0;
    const setup = await connected({
      getToken: () => (calls++ === 0 ? 'token' : new Promise<string>((resolve) => waiting.push(resolve))),
    });
    const { client, server, clock } = setup;
    server.socket.push('token_expiring', { expiresInMs: 60_000 });
    await settle();
    server.socket.lose();
    await clock.advance(1_000);
    waiting[0]?.('late');
    await settle();
    server.socket.accept();
    await settle();
    expect(server.socket.token).to.equal('late');
    expect(server.sockets.some((socket) => socket.has('refresh_token'))).to.equal(false);
    await client.close();
  });

  it('that are revoked stop the client at once, also while a refresh is pending', async () => {
    const waiting: ((token: string) => void)[] = [];
    let calls = 0;
    const getToken = () => (calls++ === 0 ? 'token' : new Promise<string>((resolve) => waiting.push(resolve)));
    const { client, server, clock } = await connected({ getToken });
    server.socket.push('token_expiring', { expiresInMs: 60_000 });
    await settle();
    const error = { code: 'TOKEN_REVOKED', message: 'revoked', retryable: false };
    server.socket.push('session_ended', { error });
    server.sockets[0]?.lose('io server disconnect');
    waiting[0]?.('late');
    await clock.advance(60_000);
    expect(client.status.state).to.equal('unauthorized');
    expect([server.sockets.length, server.alive.length]).to.deep.equal([1, 0]);
    await client.close();
  });

  it('that have expired on the open connection are replaced, and the next connection follows at once', async () => {
    const reasons: TokenReason[] = [];
    const { client, server, clock, events } = await connected({
      getToken: noting(reasons, () => 'token'),
    });
    server.socket.push('session_ended', { error: { code: 'TOKEN_EXPIRED', message: '', retryable: false } });
    server.socket.lose();
    await goLive({ client, server, clock, events });
    expect(reasons).to.deep.equal(['first', 'expired']);
    expect(events.status.some(({ error }) => error !== undefined)).to.equal(false);
    await client.close();
  });
});
