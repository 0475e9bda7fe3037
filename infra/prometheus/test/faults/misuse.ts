import { inboxLane, streamOf } from '@chat-cluster/queue';
import { askRedis, connect, LeanClient, newUser, type TestClient, tokenFor } from '@chat-cluster/testkit';
import { sql } from 'kysely';
import { gateway, repeat, type Scenario, type Stage, type Talk, talk, target } from './fault.ts';

/** Data, clients and settings that are wrong, on servers that answer. */
export const MISUSE: Scenario = {
  options: {
    gateways: 3,
    workers: 1,
    env: { REDIS_ADAPTER: 'classic' },
    envOf: {
      'gateway-2': { MAX_CONNECTIONS: '20', WRITE_BUFFER_MAX_PACKETS: '16' },
      'gateway-3': { MAX_PACKET_BYTES: '16777216', DRAIN_DELAY_MS: '60000' },
    },
  },
  tracks: [
    [
      {
        title: 'a lane that waits for half a minute, for a lock that somebody keeps in Postgres',
        alerts: ['ChatLaneWedged'],
        async make(stage) {
          // A lane of its own: the other faults send in lane 1.
          const { conversationId, send } = await talk(stage, { lane: 0 });
          await keepLocked(stage, conversationId);
          send().catch(() => {});
        },
      },
    ],
    [
      {
        title: 'polls that reach another gateway than their session',
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
          repeat(stage, 50, () => handshake(stage, 1, 'no token of ours'));
        },
      },
      {
        title: 'clients that connect again and again',
        alerts: ['ChatReconnectStorm'],
        async make(stage) {
          const token = tokenFor(stage.cluster, newUser('alice'));
          repeat(stage, 100, () => Promise.all(Array.from({ length: 20 }, () => handshake(stage, 1, token))));
        },
      },
      {
        title: 'a client that no longer polls',
        alerts: ['ChatSlowConsumers'],
        async make(stage) {
          const { bob, send } = await talk(stage);
          const url = target(stage, 2).url;
          const { sid } = await openPolling(url);
          const body = `40${JSON.stringify({ token: tokenFor(stage.cluster, bob) })}`;
          await fetch(pollingUrl(url, sid), { method: 'POST', body });
          repeat(stage, 0, send);
        },
      },
      {
        title: 'more connections than a gateway takes',
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
        title: 'emits that reach gateways in vain: the adapter of old, and three gateways',
        alerts: ['ChatFanoutWaste'],
        async make(stage) {
          const { send } = await talk(stage);
          for (let i = 0; i < 5; i++) repeat(stage, 0, send);
        },
      },
    ],
    [
      {
        title: 'unread counters that somebody changed',
        alerts: ['ChatUnreadDrift'],
        async make(stage) {
          await talk(stage);
          await sql`update participants set unread_count = unread_count + 7`.execute(stage.cluster.db);
        },
      },
      {
        title: 'a message that Postgres will never take',
        alerts: ['ChatDeadLetters'],
        async make(stage) {
          await appendUnstorable(stage, await talk(stage));
        },
      },
      {
        title: 'such a message where not even a dead letter can be kept',
        alerts: ['ChatDeadLettersLost'],
        async make(stage) {
          await sql`alter table dead_letters add constraint none check (false) not valid`.execute(stage.cluster.db);
          await appendUnstorable(stage, await talk(stage));
        },
      },
    ],
    [
      {
        title: 'a Redis that is slow',
        alerts: ['ChatRedisSlow'],
        async make(stage) {
          const { redis } = gateway(stage, 3);
          redis.set({ kind: 'delay', ms: 200 }, 'toClient');
          stage.undo.defer(() => redis.set({ kind: 'pass' }));
        },
      },
      {
        title: 'a gateway full of packets that do not end',
        alerts: ['ChatMemoryHigh'],
        async make(stage) {
          const connecting = Array.from({ length: 50 }, async () => {
            const client = await connect(target(stage, 3), newUser('alice'), { transports: ['websocket'] });
            stage.undo.defer(() => client.close());
            return client;
          });
          for (const client of await Promise.all(connecting)) writePart(client);
        },
      },
      {
        title: 'subscriptions that are cut again and again',
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
        title: 'a drain that does not get done',
        alerts: ['ChatDrainSlow'],
        async make(stage) {
          gateway(stage, 3).kill('SIGTERM');
        },
      },
    ],
  ],
};

/** As psql does in which somebody typed `begin` and went for lunch. */
async function keepLocked({ cluster, undo }: Stage, conversationId: string): Promise<void> {
  const locked = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const done = cluster.db.transaction().execute(async (transaction) => {
    await sql`set local idle_in_transaction_session_timeout = 0`.execute(transaction);
    await sql`select from conversations where id = ${conversationId} for update`.execute(transaction);
    locked.resolve();
    await over.promise;
  });
  undo.defer(() => {
    over.resolve();
    return done;
  });
  await Promise.race([locked.promise, done]);
}

/** As a gateway would that did not look: a text with NUL. */
async function appendUnstorable({ cluster }: Stage, { alice, bob, conversationId }: Talk): Promise<void> {
  const id = crypto.randomUUID();
  const draft = { conversationId, senderId: alice.userId, receiverId: bob, content: '\0', attachments: [] };
  const entries = [{ kind: 'send', id, clientMessageId: id, ...draft }];
  const batch = { v: 1, batchId: id, replyTo: 'nobody', acceptedAt: Date.now(), entries };
  await askRedis(cluster.redis.url, 'XADD', streamOf(inboxLane(1)), '*', 'd', JSON.stringify(batch));
}

/** Resolves when the connection is over: refused, or closed by us as soon as it is there. */
function handshake(stage: Stage, n: number, token: string): Promise<void> {
  return new Promise((resolve) => {
    const client = new LeanClient(
      { url: target(stage, n).url, token },
      { connected: () => client.close(), event() {}, closed: () => resolve() },
    );
  });
}

function pollingUrl(url: string, sid?: string): string {
  return `${url}/socket.io/?EIO=4&transport=polling${sid === undefined ? '' : `&sid=${sid}`}`;
}

async function openPolling(url: string): Promise<{ sid: string }> {
  const packet = await (await fetch(pollingUrl(url))).text();
  return JSON.parse(packet.slice(1)) as { sid: string };
}

/** Of a masked text frame of 16 MB (RFC 6455, section 5.2), its head and all but the end: the gateway keeps it. */
const FRAME_BYTES = 16_000_000;
const HEAD = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
HEAD.writeUIntBE(FRAME_BYTES, 4, 6);
const PART = Buffer.alloc(FRAME_BYTES - 1, 'x');

function writePart(client: TestClient): void {
  const { ws } = client.socket.io.engine.transport as unknown as { ws: { _socket: NodeJS.WritableStream } };
  ws._socket.write(HEAD);
  ws._socket.write(PART);
}
