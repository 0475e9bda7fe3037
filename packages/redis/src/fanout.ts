import type { ServerEvent, UserId } from '@chat-cluster/contracts';
import type { Fanout } from '@chat-cluster/domain';
import { type Logger, withDeadline } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';
import { roomChannel } from './channels.ts';
import type { RedisClient } from './connection.ts';

const published = new Counter({
  name: 'chat_fanout_published_total',
  help: 'Emits published to the gateways, by event',
  labelNames: ['event'],
});
const failed = new Counter({
  name: 'chat_fanout_publish_errors_total',
  help: 'Emits that could not be published; clients heal by history or sync',
});

/** Message type BROADCAST of the adapter, packet type EVENT of the Socket.IO protocol. */
const BROADCAST = 3;
const EVENT = 2;
/** A publish that is not answered by then is given up: the lane must not wait longer for something that may be lost. */
const PUBLISH_DEADLINE_MS = 2_000;

/**
 * Emits to rooms without being a Socket.IO server: publishes what a gateway's adapter would, so a worker hears no echo
 * and parses nothing. A payload is encoded once, whatever the number of its rooms; one room per emit keeps it off
 * gateways that hold none of its users. Commands of one call leave in one write.
 */
export function createFanout(pub: RedisClient, logger: Logger): Fanout {
  const flush = async (event: ServerEvent, emits: [to: UserId, packet: string][]) => {
    const results = emits.map(([to, packet]) => pub.sPublish(roomChannel(to), broadcast(to, packet)));
    published.inc({ event }, emits.length);
    const settled = await withDeadline(Promise.allSettled(results), PUBLISH_DEADLINE_MS, 'publish').catch(
      () => undefined,
    );
    const lost = settled ? settled.filter((result) => result.status === 'rejected').length : emits.length;
    if (lost === 0) return;
    failed.inc(lost);
    logger.warn({ event, lost }, 'fan-out: emits lost, redis did not take them');
  };
  return {
    newMessages: (messages) =>
      flush(
        'new_message',
        messages.flatMap((message) => {
          const packet = encode('new_message', message);
          return distinct(message.senderId, message.receiverId).map((to): [UserId, string] => [to, packet]);
        }),
      ),
    messagesRead: (receipts) =>
      flush(
        'messages_read',
        receipts.flatMap(({ to, receipt }) => {
          const packet = encode('messages_read', receipt);
          return to.map((userId): [UserId, string] => [userId, packet]);
        }),
      ),
    unreadCounts: (counts) =>
      flush(
        'unread_count',
        counts.map(({ userId, unread }) => [userId, encode('unread_count', unread)]),
      ),
  };
}

function encode(event: ServerEvent, payload: object): string {
  return `{"type":${EVENT},"data":["${event}",${JSON.stringify(payload)}],"nsp":"/"}`;
}

function broadcast(room: string, packet: string): string {
  const opts = `{"rooms":[${JSON.stringify(room)}],"except":[],"flags":{}}`;
  return `{"uid":"emitter","nsp":"/","type":${BROADCAST},"data":{"packet":${packet},"opts":${opts}}}`;
}

function distinct(a: UserId, b: UserId): UserId[] {
  return a === b ? [a] : [a, b];
}
