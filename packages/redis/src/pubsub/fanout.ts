import type { ServerEvent, UserId } from '@chat-cluster/contracts';
import type { Fanout } from '@chat-cluster/domain';
import { type Logger, withDeadline } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';
import { GAP_CHANNEL, roomChannel } from './channels.ts';
import type { Publisher } from './pubsub.ts';
import { type DeliveryTrace, type Packet, type Wire, wireOf } from './wire.ts';

const published = new Counter({
  name: 'chat_fanout_published_total',
  help: 'Emits published to the gateways, by event',
  labelNames: ['event'],
});
const failed = new Counter({
  name: 'chat_fanout_publish_errors_total',
  help: 'Emits that could not be published; their users are told to sync when Redis is back',
});

/** Users owed a `sync_required` at the most; past it every gateway is told that there was a gap. */
const MAX_OWED = 10_000;
const OWED_RETRY_MS = 500;
/** A publish that is not answered by then is given up: the lane must not wait longer for something that may be lost. */
const PUBLISH_DEADLINE_MS = 2_000;

/**
 * Emits to rooms without being a Socket.IO server: publishes what a gateway's adapter would, so a worker hears no echo
 * and parses nothing. A payload is encoded once, whatever the number of its rooms; one room per emit keeps it off
 * gateways that hold none of its users. Commands of one call leave in one write.
 *
 * An emit that Redis does not take is lost, since lanes do not wait for it. Its user is told `sync_required` as soon as
 * Redis takes commands again. (Lost on the other side, between Redis and a gateway, it is the gateway that tells.)
 */
export function createFanout(pub: Publisher, logger: Logger): Fanout & { gap(): void } {
  const wire = wireOf(pub.kind);
  const owed = new OwedSyncs(pub, wire);
  // Until it followed, a publisher may have told a primary of old, to which no gateway listens any more.
  pub.onMoved(() => owed.addEverybody());
  /** Resolves with the users who missed an emit. */
  const publish = async (event: ServerEvent, emits: Emit[]): Promise<UserId[]> => {
    if (emits.length === 0) return [];
    published.inc({ event }, emits.length);
    const missed = await publishAll(pub, wire, emits);
    if (missed.length > 0) {
      failed.inc(missed.length);
      logger.warn({ event, lost: missed.length }, 'fan-out: emits lost, redis did not take them');
    }
    return missed;
  };
  return {
    /** Has every gateway heal its sockets, as soon as Redis takes that. */
    gap: () => owed.addEverybody(),
    newMessages: async (messages, traces) =>
      owed.add(
        await publish(
          'new_message',
          messages.flatMap((message) => {
            const packet = wire.packet('new_message', message);
            const trace = traces?.get(message.id);
            return distinct(message.senderId, message.receiverId).map((to): Emit => [to, packet, trace]);
          }),
        ),
      ),
    messagesRead: async (receipts) =>
      owed.add(
        await publish(
          'messages_read',
          receipts.flatMap(({ to, receipt }) => {
            const packet = wire.packet('messages_read', receipt);
            return to.map((userId): Emit => [userId, packet]);
          }),
        ),
      ),
    async unreadCounts(counts) {
      const missed = await publish(
        'unread_count',
        counts.map(({ userId, unread }) => [userId, wire.packet('unread_count', unread)]),
      );
      if (missed.length > 0) throw new Error(`${missed.length} badges were not told: redis did not take them`);
    },
  };
}

type Emit = [to: UserId, packet: Packet, trace?: DeliveryTrace | undefined];

/**
 * Resolves with the users whose emits Redis did not confirm in time, once for each emit. What is for the same user leaves
 * together, in order.
 */
async function publishAll(pub: Publisher, wire: Wire, emits: readonly Emit[]): Promise<UserId[]> {
  const users: UserId[] = [];
  const sent: Promise<number>[] = [];
  for (const [to, ofUser] of byUser(emits)) {
    for (const message of messagesOf(wire, to, ofUser)) {
      users.push(to);
      sent.push(pub.publish(roomChannel(to), message));
    }
  }
  const settled = await withDeadline(Promise.allSettled(sent), PUBLISH_DEADLINE_MS, 'publish').catch(() => undefined);
  const missed = new Set(users.filter((_, i) => settled?.[i]?.status !== 'fulfilled'));
  return missed.size === 0 ? [] : emits.flatMap(([to]) => (missed.has(to) ? [to] : []));
}

function byUser(emits: readonly Emit[]): Map<UserId, Emit[]> {
  const emitsOf = new Map<UserId, Emit[]>();
  for (const emit of emits) {
    const ofUser = emitsOf.get(emit[0]);
    if (ofUser) ofUser.push(emit);
    else emitsOf.set(emit[0], [emit]);
  }
  return emitsOf;
}

/** As few as can be, in order: what carries a trace is one of its own, in the adapter's form, and those between are one. */
function messagesOf(wire: Wire, to: UserId, emits: readonly Emit[]): (string | Buffer)[] {
  const messages: (string | Buffer)[] = [];
  let untraced: Packet[] = [];
  for (const [, packet, trace] of emits) {
    if (trace === undefined) {
      untraced.push(packet);
      continue;
    }
    if (untraced.length > 0) messages.push(...wire.emitAll(to, untraced));
    untraced = [];
    messages.push(wire.emit(to, packet, { trace }));
  }
  if (untraced.length > 0) messages.push(...wire.emitAll(to, untraced));
  return messages;
}

/** Those who missed an emit, until they are told so. Bounded: when they are too many, it is everybody's gap. */
class OwedSyncs {
  #pub: Publisher;
  #wire: Wire;
  #users = new Set<UserId>();
  #everybody = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(pub: Publisher, wire: Wire) {
    this.#pub = pub;
    this.#wire = wire;
  }

  add(users: readonly UserId[]): void {
    for (const user of users) this.#users.add(user);
    if (this.#users.size > MAX_OWED) this.addEverybody();
    else if (users.length > 0) this.#later();
  }

  addEverybody(): void {
    this.#everybody = true;
    this.#users.clear();
    this.#later();
  }

  #later(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#tell();
    }, OWED_RETRY_MS).unref();
  }

  async #tell(): Promise<void> {
    if (!this.#pub.answers) {
      this.#later();
      return;
    }
    const packet = this.#wire.packet('sync_required', { reason: 'fanout_gap' });
    const users = [...this.#users];
    this.#users.clear();
    this.add(
      await publishAll(
        this.#pub,
        this.#wire,
        users.map((user) => [user, packet]),
      ),
    );
    if (!this.#everybody) return;
    this.#everybody = false;
    const told = withDeadline(this.#pub.publish(GAP_CHANNEL, ''), PUBLISH_DEADLINE_MS, 'publish');
    await told.catch(() => this.addEverybody());
  }
}

function distinct(a: UserId, b: UserId): UserId[] {
  return a === b ? [a] : [a, b];
}
