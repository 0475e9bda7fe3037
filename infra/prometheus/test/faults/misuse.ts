import { writeFileSync } from 'node:fs';
import { inboxLane, streamOf } from '@chat-cluster/queue';
import { askRedis, connect, LeanClient, newUser, tokenFor } from '@chat-cluster/testkit';
import { openPolling, POLLING } from '@chat-cluster/testkit/balancers';
import { sql } from 'kysely';
import {
  connectSender,
  gateway,
  repeat,
  type Scenario,
  type Sender,
  type Stage,
  slowPostgres,
  target,
} from './fault.ts';
import { sendIncompletePacket } from './incomplete-packet.ts';

/** Wrong data, clients and settings; then too many sends. */
export const MISUSE: Scenario = {
  options: {
    gateways: 3,
    workers: 1,
    env: { REDIS_ADAPTER: 'classic' },
    envOf: {
      'gateway-2': { MAX_CONNECTIONS: '20', CONNECTS_PER_SECOND_PER_USER: '1000', WRITE_BUFFER_MAX_PACKETS: '16' },
      'gateway-3': { MAX_PACKET_BYTES: '16777216', DRAIN_DELAY_MS: '60000' },
    },
  },
  tracks: [
    [
      {
        title: 'a lane that waits for half a minute for a lock in Postgres',
        alerts: ['ChatLaneWedged'],
        async make(stage) {
          // Its own lane: the other faults send in lane 1.
          const sender = await connectSender(stage, { lane: 0 });
          await keepLocked(stage, sender.conversationId);
          // As if it had waited for most of the half minute already.
          await appendBatch(stage, sender, { lane: 0, content: 'hello', ageMs: 28_000 });
        },
      },
    ],
    [
      {
        title: 'polls that reach another gateway than that of their session',
        alerts: ['ChatMisroutedPolls'],
        async make(stage) {
          const { sid } = await openPolling(target(stage, 1).url);
          repeat(stage, 200, () => fetch(pollingUrl(target(stage, 2).url, sid)));
        },
      },
    ],
    [
      {
        title: 'handshakes that are refused',
        alerts: ['ChatHandshakesRefused'],
        async make(stage) {
          repeat(stage, 50, () => handshake(stage, 1, 'not a token'));
        },
      },
      {
        title: 'clients that reconnect repeatedly',
        alerts: ['ChatReconnectStorm'],
        async make(stage) {
          const token = tokenFor(stage.cluster, newUser('alice'));
          repeat(stage, 100, () => Promise.all(Array.from({ length: 20 }, () => handshake(stage, 1, token))));
        },
      },
      {
        title: 'a client that stops polling',
        alerts: ['ChatSlowConsumers'],
        async make(stage) {
          const { receiverId, send } = await connectSender(stage);
          const url = target(stage, 2).url;
          const { sid } = await openPolling(url);
          const body = `40${JSON.stringify({ token: tokenFor(stage.cluster, receiverId) })}`;
          await fetch(pollingUrl(url, sid), { method: 'POST', body });
          repeat(stage, 0, send);
        },
      },
      {
        title: 'a proxy in front of the gateways that TRUSTED_HOPS does not count',
        alerts: ['ChatTrustedHopsWrong'],
        async make(stage) {
          repeat(stage, 20, () => openPolling(target(stage, 1).url, '', { 'x-forwarded-for': '203.0.113.1' }));
        },
      },
      {
        title: 'a client that sends a second CONNECT packet, again and again',
        alerts: ['ChatConnectionsCut'],
        async make(stage) {
          const connect = `40${JSON.stringify({ token: tokenFor(stage.cluster, newUser('alice')) })}`;
          const { url } = target(stage, 1);
          repeat(stage, 200, async () => {
            const { sid } = await openPolling(url);
            await fetch(pollingUrl(url, sid), { method: 'POST', body: `${connect}\x1e${connect}` });
          });
        },
      },
      {
        title: 'a key set that cannot be read',
        alerts: ['ChatTokenKeysUnreadable'],
        async make(stage) {
          writeFileSync(stage.keysFile, 'no key set');
          stage.undo.defer(() => writeFileSync(stage.keysFile, '{"keys":[]}'));
          // Only a token with an unknown key makes a gateway read the set before its time.
          const header = Buffer.from('{"alg":"ES256","kid":"new"}').toString('base64url');
          repeat(stage, 1_000, () => handshake(stage, 1, `${header}.e30.AAAA`));
        },
      },
      {
        title: 'more connections than a gateway accepts',
        alerts: ['ChatHandshakesOverloaded'],
        async make(stage) {
          const token = tokenFor(stage.cluster, newUser('alice'));
          repeat(stage, 50, () => {
            const client = new LeanClient({ url: target(stage, 2).url, token }, { event() {} });
            stage.undo.defer(() => client.close());
          });
        },
      },
    ],
    [
      {
        title: 'emits that reach gateways without a receiver: three gateways with the classic adapter',
        alerts: ['ChatFanoutWaste'],
        async make(stage) {
          const { send } = await connectSender(stage);
          for (let i = 0; i < 5; i++) repeat(stage, 0, send);
        },
      },
    ],
    [
      {
        title: 'unread counters that were changed by hand',
        alerts: ['ChatUnreadDrift'],
        async make(stage) {
          await connectSender(stage);
          await sql`update participants set unread_count = unread_count + 7`.execute(stage.cluster.db);
        },
      },
      {
        title: 'a database that is set back to an earlier state',
        alerts: ['ChatStoreSetBack'],
        async make(stage) {
          await sql`update store_epoch set beats = 0`.execute(stage.cluster.db);
        },
      },
      {
        title: 'a message that Postgres refuses permanently',
        alerts: ['ChatDeadLetters'],
        async make(stage) {
          await appendBatch(stage, await connectSender(stage), UNSTORABLE);
        },
      },
      {
        title: 'such a message while dead letters cannot be stored either',
        alerts: ['ChatDeadLettersLost'],
        async make(stage) {
          await sql`alter table dead_letters add constraint none check (false) not valid`.execute(stage.cluster.db);
          await appendBatch(stage, await connectSender(stage), UNSTORABLE);
        },
      },
    ],
    [
      {
        title: 'a slow Redis',
        alerts: ['ChatRedisSlow'],
        async make(stage) {
          const { redis } = gateway(stage, 3);
          redis.set({ kind: 'delay', ms: 200 }, 'toClient');
          stage.undo.defer(() => redis.set({ kind: 'pass' }));
        },
      },
      {
        title: 'a gateway whose memory is full of incomplete packets',
        alerts: ['ChatMemoryHigh'],
        async make(stage) {
          const connecting = Array.from({ length: 50 }, async () => {
            const client = await connect(target(stage, 3), newUser('alice'), { transports: ['websocket'] });
            stage.undo.defer(() => client.close());
            return client;
          });
          for (const client of await Promise.all(connecting)) sendIncompletePacket(client);
        },
      },
      {
        title: 'subscriptions that are cut repeatedly',
        alerts: ['ChatFanoutGaps'],
        async make(stage) {
          const { redis } = gateway(stage, 3);
          repeat(stage, 500, () => {
            redis.set({ kind: 'reset' });
            redis.set({ kind: 'pass' });
          });
        },
      },
      {
        title: 'a drain that does not end',
        alerts: ['ChatDrainSlow'],
        async make(stage) {
          gateway(stage, 3).kill('SIGTERM');
        },
      },
      {
        title: 'more sends than Postgres can store',
        alerts: ['ChatLaneSheds'],
        async make(stage) {
          const { client, conversationId } = await connectSender(stage);
          slowPostgres(stage, 400);
          const draft = { conversationId, content: 'hello' } as never;
          // 2,000 per second; the lane stores 200 in 0.4 s.
          repeat(stage, 100, () => {
            for (let i = 0; i < 200; i++) client.socket.emit('send_message', draft, () => {});
          });
        },
      },
    ],
  ],
};

/** Locks a conversation, like a psql session that was left open after `begin`. */
async function keepLocked({ cluster, undo }: Stage, conversationId: string): Promise<void> {
  const locked = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const transaction = cluster.db.transaction().execute(async (trx) => {
    await sql`set local idle_in_transaction_session_timeout = 0`.execute(trx);
    await sql`select from conversations where id = ${conversationId} for update`.execute(trx);
    locked.resolve();
    await ended.promise;
  });
  undo.defer(() => {
    ended.resolve();
    return transaction;
  });
  await Promise.race([locked.promise, transaction]);
}

/** A text with NUL, which a gateway would reject. */
const UNSTORABLE = { lane: 1, content: '\0', ageMs: 0 };

/** Appends a message to a lane as its gateway did `ageMs` ago. No gateway waits for the reply. */
async function appendBatch(
  { cluster }: Stage,
  { client, receiverId, conversationId }: Sender,
  { lane, content, ageMs }: typeof UNSTORABLE,
): Promise<void> {
  const id = crypto.randomUUID();
  const acceptedAt = Date.now() - ageMs;
  const draft = { conversationId, senderId: client.userId, receiverId, content, attachments: [] };
  const entries = [{ kind: 'send', id, clientMessageId: id, ...draft }];
  const batch = { v: 1, batchId: id, replyTo: 'none', acceptedAt, entries };
  const streamId = ageMs === 0 ? '*' : `${acceptedAt}-0`;
  await askRedis(cluster.redis.url, 'XADD', streamOf(inboxLane(lane)), streamId, 'd', JSON.stringify(batch));
}

/** Resolves when the connection has ended: refused, or closed by the client once it was open. */
function handshake(stage: Stage, n: number, token: string): Promise<void> {
  return new Promise((resolve) => {
    const client = new LeanClient(
      { url: target(stage, n).url, token },
      { connected: () => client.close(), event() {}, closed: () => resolve() },
    );
  });
}

function pollingUrl(url: string, sid: string): string {
  return `${url}${POLLING}&sid=${sid}`;
}
