import type { ServerEvent, UserId } from '@chat-cluster/contracts';
import type { Fanout } from '@chat-cluster/domain';
import { type Logger, withDeadline } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';
import { GAP_CHANNEL, roomChannel } from './channels.ts';
import type { Publisher } from './pubsub-port.ts';
import { type DeliveryTrace, type Packet, type Wire, wireOf } from './wire.ts';

const published = new Counter({
  name: 'chat_fanout_published_total',
  help: 'Emits published to the gateways, by event',
  labelNames: ['event'],
});
const failed = new Counter({
  name: 'chat_fanout_publish_errors_total',
  help: 'Emits that could not be published; their users receive sync_required when Redis is back',
});

/** Users with a pending `sync_required`; past this number every gateway is notified of a gap instead. */
const MAX_PENDING_SYNCS = 10_000;
/** Time between two attempts to publish pending syncs, in ms. */
const PENDING_RETRY_MS = 500;
/** Time limit for a publish, in ms. Then it is given up: a lane must not wait longer for an emit that may be lost. */
const PUBLISH_DEADLINE_MS = 2_000;

/**
 * Emits to rooms without a Socket.IO server: publishes messages in the format of a gateway's adapter. So a worker
 * receives no echo and parses nothing. A payload is encoded once for all its rooms. Each emit goes to one room, so it
 * causes no work on gateways that hold none of its users. The commands of one call are sent in one write.
 *
 * An emit that Redis does not accept is lost, because lanes do not wait for it. Its user receives `sync_required` as
 * soon as Redis accepts commands again. (If it is lost between Redis and a gateway, that gateway sends the
 * `sync_required`.)
 */
export function createFanout(pub: Publisher, logger: Logger): Fanout & { gap(): void } {
  const wire = wireOf(pub.kind);
  const pendingSyncs = new PendingSyncs(pub, wire);
  // The newest emits may have reached the former primary, to which no gateway is subscribed now.
  pub.onMoved(() => pendingSyncs.addAll());
  /** Resolves with the users who missed an emit. */
  const publish = async (event: ServerEvent, emits: Emit[]): Promise<UserId[]> => {
    if (emits.length === 0) return [];
    published.inc({ event }, emits.length);
    const missed = await publishAll(pub, wire, emits);
    if (missed.length > 0) {
      failed.inc(missed.length);
      logger.warn({ event, lost: missed.length }, 'fan-out: emits lost, redis did not accept them');
    }
    return missed;
  };
  return {
    /** Makes every gateway send `sync_required` to its sockets, as soon as Redis accepts commands. */
    gap: () => pendingSyncs.addAll(),
    async newMessages(messages, traces) {
      pendingSyncs.add(await publish('new_message', emitsOfMessages(wire, messages, traces)));
    },
    async messagesRead(receipts) {
      const emits = receipts.flatMap(({ to, receipt }) => {
        const packet = wire.packet('messages_read', receipt);
        return to.map((userId): Emit => [userId, packet]);
      });
      pendingSyncs.add(await publish('messages_read', emits));
    },
    async unreadCounts(counts) {
      const emits = counts.map(({ userId, unread }): Emit => [userId, wire.packet('unread_count', unread)]);
      const missed = await publish('unread_count', emits);
      if (missed.length > 0) throw new Error(`${missed.length} badges were not published: redis did not accept them`);
    },
  };
}

type Emit = [to: UserId, packet: Packet, trace?: DeliveryTrace | undefined];

/** One emit per participant; a note to oneself has one. */
function emitsOfMessages(wire: Wire, ...[messages, traces]: Parameters<Fanout['newMessages']>): Emit[] {
  return messages.flatMap((message) => {
    const packet = wire.packet('new_message', message);
    const trace = traces?.get(message.id);
    const { senderId, receiverId } = message;
    const participants = senderId === receiverId ? [senderId] : [senderId, receiverId];
    return participants.map((to): Emit => [to, packet, trace]);
  });
}

/**
 * Resolves with the users whose emits Redis did not confirm in time, one entry per emit. The emits of one user leave
 * together, in order.
 */
async function publishAll(pub: Publisher, wire: Wire, emits: readonly Emit[]): Promise<UserId[]> {
  const users: UserId[] = [];
  const sent: Promise<number>[] = [];
  for (const [to, ofUser] of Map.groupBy(emits, ([user]) => user)) {
    for (const message of messagesOf(wire, to, ofUser)) {
      users.push(to);
      sent.push(pub.publish(roomChannel(to), message));
    }
  }
  const settled = await withDeadline(Promise.allSettled(sent), PUBLISH_DEADLINE_MS, 'publish').catch(() => undefined);
  const missed = new Set(users.filter((_, i) => settled?.[i]?.status !== 'fulfilled'));
  return missed.size === 0 ? [] : emits.flatMap(([to]) => (missed.has(to) ? [to] : []));
}

/**
 * As few messages as possible, in order: an emit with a trace is a message of its own, in the adapter's format; the
 * emits between two of those are one message.
 */
function messagesOf(wire: Wire, to: UserId, emits: readonly Emit[]): (string | Buffer)[] {
  const messages: (string | Buffer)[] = [];
  let untraced: Packet[] = [];
  for (const [, packet, trace] of emits) {
    if (trace === undefined) untraced.push(packet);
    else {
      if (untraced.length > 0) messages.push(...wire.emitAll(to, untraced));
      untraced = [];
      messages.push(wire.emit(to, packet, { trace }));
    }
  }
  if (untraced.length > 0) messages.push(...wire.emitAll(to, untraced));
  return messages;
}

/** The users who missed an emit, until `sync_required` is published to them. With too many users, it goes to all. */
class PendingSyncs {
  #pub: Publisher;
  #wire: Wire;
  #users = new Set<UserId>();
  #all = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(pub: Publisher, wire: Wire) {
    this.#pub = pub;
    this.#wire = wire;
  }

  add(users: readonly UserId[]): void {
    for (const user of users) this.#users.add(user);
    if (this.#users.size > MAX_PENDING_SYNCS) this.addAll();
    else if (users.length > 0) this.#schedule();
  }

  addAll(): void {
    this.#all = true;
    this.#users.clear();
    this.#schedule();
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#publish();
    }, PENDING_RETRY_MS).unref();
  }

  async #publish(): Promise<void> {
    if (!this.#pub.answers) return this.#schedule();
    const packet = this.#wire.packet('sync_required', { reason: 'fanout_gap' });
    const users = [...this.#users];
    this.#users.clear();
    const emits = users.map((user): Emit => [user, packet]);
    this.add(await publishAll(this.#pub, this.#wire, emits));
    if (!this.#all) return;
    this.#all = false;
    const sent = withDeadline(this.#pub.publish(GAP_CHANNEL, ''), PUBLISH_DEADLINE_MS, 'publish');
    await sent.catch(() => this.addAll());
  }
}
