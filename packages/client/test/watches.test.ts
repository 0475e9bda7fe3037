import type { UserId } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { connected, goLive, type Setup } from './connected-client.ts';
import { conversationId, failure, HandMadeServer, message, summary, synced } from './hand-made-server.ts';

const ID = conversationId(1);

describe('the watches of a client', () => {
  it('restores watches after a reconnect, counts them, and drops typing during an outage', async () => {
    const setup = await connected();
    const { client, server, clock, events } = setup;
    const ends = [client.watch(['bob', 'carol']), client.watch(['bob'])];
    const answer = { ok: true, presence: [{ userId: 'bob', online: true }] };
    server.socket.take('watch_presence').answer(answer);
    expect(client.presenceOf('bob')).to.deep.equal({ userId: 'bob', online: true });
    server.socket.lose();
    client.conversation(ID).typing(true);
    await clock.advance(1_000);
    await goLive(setup);
    expect(server.socket.take('watch_presence').payload).to.deep.equal({ userIds: ['bob', 'carol'] });
    expect(server.socket.has('typing')).to.equal(false);
    ends[0]?.();
    ends[0]?.();
    expect(server.socket.take('unwatch_presence').payload).to.deep.equal({ userIds: ['carol'] });
    ends[1]?.();
    expect(server.socket.take('unwatch_presence').payload).to.deep.equal({ userIds: ['bob'] });
    expect(events.presence).to.have.length(1);
    await client.close();
  });

  it('repeats a watch that the server refuses for now', async () => {
    const { client, server, clock } = await connected();
    client.watch(['bob']);
    server.socket
      .take('watch_presence')
      .answer(failure({ code: 'RATE_LIMITED', retryable: true, retryAfterMs: 1_000 }));
    await clock.advance(2_000);
    expect(server.socket.has('watch_presence')).to.equal(true);
    await client.close();
  });

  it('does not report a watch that is refused because of the token', async () => {
    const setup = await connected();
    const { client, server, clock, events } = setup;
    client.watch(['bob']);
    server.socket.take('watch_presence').answer(failure({ code: 'TOKEN_EXPIRED' }));
    server.socket.lose();
    await clock.advance(1_000);
    await goLive(setup);
    expect(server.socket.take('watch_presence').payload).to.deep.equal({ userIds: ['bob'] });
    expect(events.error).to.deep.equal([]);
    await client.close();
  });

  /** The paths on which a user gets known. */
  const meetings: Record<string, (setup: Setup) => unknown> = {
    direct: ({ client }) => client.direct('bob'),
    'a message': ({ server }) => server.socket.push('new_message', message(1, 1)),
    'an own message': ({ server }) =>
      server.socket.push('new_message', message(1, 1, { senderId: 'alice', receiverId: 'bob' } as never)),
    'the feed': ({ server }) => {
      server.socket.push('sync_required', { reason: 'events_lost' });
      return 'sync';
    },
    'the list': ({ client, server }) => {
      server.list = [summary(1, 1)];
      server.nextCursor = null;
      return client.conversations.loadMore();
    },
  };

  for (const [path, meet] of Object.entries(meetings)) {
    it(`watches a user anew, once, who gets known by ${path}`, async () => {
      const server = new HandMadeServer();
      server.list = [summary(2, 1, { otherUserId: 'erin' as UserId })];
      server.nextCursor = 'page 2';
      const setup = await connected({}, { server });
      const { client, clock, events } = setup;
      client.watch(['bob', 'dave']);
      const offline = ['bob', 'dave'].map((userId) => ({ userId, online: false }));
      server.socket.take('watch_presence').answer({ ok: true, presence: offline });
      await meet(setup);
      await clock.advance(1_000);
      if (path === 'the feed') {
        const feed = { conversations: [{ ...summary(1, 1), readMarks: [] }], since: 's2', hasMore: false };
        server.socket.take('sync').answer(synced({ feed }));
      }
      const { payload, answer } = server.socket.take('watch_presence');
      expect(payload).to.deep.equal({ userIds: ['bob'] });
      answer({ ok: true, presence: [{ userId: 'bob', online: true }] });
      expect(client.presenceOf('bob')).to.deep.equal({ userId: 'bob', online: true });
      server.socket.push('new_message', message(1, 2));
      expect(server.socket.has('watch_presence')).to.equal(false);
      expect(events.presence.map(({ userId, online }) => [userId, online])).to.deep.equal([
        ['bob', false],
        ['dave', false],
        ['bob', true],
      ]);
      await client.close();
    });
  }

  it('has no presence of an earlier user, and watches for the present one', async () => {
    const setup = await connected();
    const { client, server, clock } = setup;
    client.watch(['bob']);
    server.socket.take('watch_presence').answer({ ok: true, presence: [{ userId: 'bob', online: true }] });
    server.socket.lose();
    await clock.advance(1_000);
    await goLive(setup, { userId: 'carol' });
    expect(client.presenceOf('bob')).to.equal(undefined);
    server.socket.take('watch_presence').answer({ ok: true, presence: [{ userId: 'bob', online: false }] });
    expect(client.presenceOf('bob')).to.deep.equal({ userId: 'bob', online: false });
    await client.close();
  });
});
