import type { Group, ServerEvent } from '@chat-cluster/contracts';
import type { Audience, ConversationEvent, ConversationFanout, Fanout } from '@chat-cluster/domain';
import { type Logger, withDeadline } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';
import { conversationOfRoom, conversationRoom, GAP_CHANNEL } from './channels.ts';
import { type ChangeFor, CoalescedReactions } from './coalesced-reactions.ts';
import { countEvent } from './count-event.ts';
import { type Emit, type Missed, PUBLISH_DEADLINE_MS, publishAll, Signal } from './publish-emits.ts';
import type { Publisher } from './pubsub-port.ts';
import { leaveSignal, userSignal } from './room-signal.ts';
import { type DeliveryTrace, type Wire, wireOf } from './wire.ts';

const published = new Counter({
  name: 'chat_fanout_published_total',
  help: 'Emits published to the gateways, by event',
  labelNames: ['event'],
});
const failed = new Counter({
  name: 'chat_fanout_publish_errors_total',
  help: 'Emits that could not be published; their users receive sync_required when Redis is back',
});

/** Rooms with a pending `sync_required`; past this number every gateway is notified of a gap instead. */
const MAX_PENDING_SYNCS = 10_000;
/** Time between two attempts to publish pending syncs, in ms. */
const PENDING_RETRY_MS = 500;

/**
 * Emits to rooms without a Socket.IO server: publishes messages in the format of a gateway's adapter. So a worker
 * receives no echo and parses nothing. A payload is encoded once for all its rooms. Each emit goes to one room, so it
 * causes no work on gateways that hold none of its users. The commands of one call are sent in one write.
 *
 * An emit that Redis does not accept is lost, because lanes do not wait for it. Its user receives `sync_required` as
 * soon as Redis accepts commands again. (If it is lost between Redis and a gateway, that gateway sends the
 * `sync_required`.)
 */
export function createFanout(pub: Publisher, logger: Logger): Fanout & ConversationFanout & FanoutControl {
  const wire = wireOf(pub.kind);
  const pendingSyncs = new PendingSyncs(pub, wire);
  // The newest emits may have reached the former primary, to which no gateway is subscribed now.
  pub.onMoved(() => pendingSyncs.addAll());
  const publish = publisherOf(pub, wire, logger);
  const reactions = new CoalescedReactions((changes) => {
    void publish('several', emitsOfChanges(wire, changes)).then((missed) => pendingSyncs.add(missed));
  });
  return {
    gap: () => pendingSyncs.addAll(),
    flush: () => reactions.flush(),
    async conversationEvents(events) {
      for (const event of events) countEvent(event);
      const emits = events.flatMap((event) => emitsOfEvent(wire, reactions, event));
      pendingSyncs.add(await publish('several', emits));
    },
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
    unreadCounts: (counts) => publishBadges(wire, publish, counts),
  };
}

/** The badges of a fan-out, for a process that emits nothing else. */
export function createBadges(pub: Publisher, logger: Logger): Pick<Fanout, 'unreadCounts'> {
  const wire = wireOf(pub.kind);
  const publish = publisherOf(pub, wire, logger);
  return { unreadCounts: (counts) => publishBadges(wire, publish, counts) };
}

type Publish = (event: ServerEvent | 'several', emits: Emit[]) => Promise<Missed[]>;

/** Publishes emits; resolves with those that were missed. */
function publisherOf(pub: Publisher, wire: Wire, logger: Logger): Publish {
  return async (event, emits) => {
    if (emits.length === 0) return [];
    if (event !== 'several') published.inc({ event }, emits.length);
    const missed = await publishAll(pub, wire, emits);
    if (missed.length > 0) {
      failed.inc(missed.length);
      logger.warn({ event, lost: missed.length }, 'fan-out: emits lost, redis did not accept them');
    }
    return missed;
  };
}

async function publishBadges(
  wire: Wire,
  publish: Publish,
  counts: Parameters<Fanout['unreadCounts']>[0],
): Promise<void> {
  const emits = counts.map(({ userId, unread }): Emit => [userId, wire.packet('unread_count', unread)]);
  const missed = await publish('unread_count', emits);
  if (missed.length > 0) throw new Error(`${missed.length} badges were not published: redis did not accept them`);
}

/** What its process does with a fan-out, beside emitting. */
export interface FanoutControl {
  /** Makes every gateway send `sync_required` to its sockets, as soon as Redis accepts commands. */
  gap(): void;
  /** Publishes the reactions that wait to be coalesced. */
  flush(): void;
}

/** The emits of one event of a conversation, in order; none if it waits to be coalesced. */
function emitsOfEvent(wire: Wire, reactions: CoalescedReactions, event: ConversationEvent): Emit[] {
  if (event.type === 'membership') return emitsOfMembership(wire, event);
  if (event.type === 'message') {
    // A change of the members: those who leave must not receive earlier reactions after it.
    const before = event.message.system && 'room' in event.to ? reactions.take(event.to.room) : [];
    return [...emitsOfChanges(wire, before), ...emitsTo(event.to, 'new_message', wire, event.message, event.trace)];
  }
  if (event.type === 'read') return emitsTo(event.to, 'messages_read', wire, event.receipt);
  const { to, changed } = event;
  if (!('room' in to)) return emitsOfChanges(wire, [event]);
  const isReaction = changed.reactions !== undefined && !changed.edited;
  return emitsOfChanges(wire, isReaction ? reactions.add({ to, changed }) : [...reactions.take(to.room), event]);
}

function emitsOfChanges(wire: Wire, changes: readonly ChangeFor[]): Emit[] {
  return changes.flatMap(({ to, changed }) => emitsTo(to, 'message_changed', wire, changed));
}

function emitsTo(to: Audience, event: ServerEvent, wire: Wire, payload: object, trace?: DeliveryTrace): Emit[] {
  const packet = wire.packet(event, payload);
  const rooms = 'room' in to ? (to.only ?? [conversationRoom(to.room)]) : to.users;
  published.inc({ event }, rooms.length);
  return rooms.map((room): Emit => [room, packet, trace]);
}

/** `conversation_changed` to each user, then the signals about the room. A user without a role has left. */
function emitsOfMembership(wire: Wire, event: ConversationEvent & { type: 'membership' }): Emit[] {
  const { conversationId, groups, room } = event;
  const left = [...groups].flatMap(([userId, { role }]) => (role === null ? [userId] : []));
  const emits: Emit[] =
    room && left.length > 0 ? [[conversationRoom(conversationId), new Signal(leaveSignal(left))]] : [];
  for (const [userId, group] of groups) {
    const packet = wire.packet('conversation_changed', { conversationId, group: groupOfMember(group) });
    published.inc({ event: 'conversation_changed' });
    emits.push([userId, packet]);
    const leave = group.role === null ? { leave: conversationId } : {};
    if (room) emits.push([userId, new Signal(userSignal(leave))]);
  }
  return emits;
}

function groupOfMember({ title, role, memberCount, windows }: Group) {
  return { title, role, memberCount, windows };
}

/** One emit per participant; a note to oneself has one. */
function emitsOfMessages(wire: Wire, ...[messages, traces]: Parameters<Fanout['newMessages']>): Emit[] {
  return messages.flatMap((message) => {
    const packet = wire.packet('new_message', message);
    const trace = traces?.get(message.id);
    const { senderId, receiverId } = message;
    const participants = receiverId === undefined || receiverId === senderId ? [senderId] : [senderId, receiverId];
    return participants.map((to): Emit => [to, packet, trace]);
  });
}

/**
 * The rooms that missed an emit, until `sync_required` is published to them. With too many rooms, it goes to all sockets.
 * A user who missed a signal also gets one that makes gateways read the user's rooms again.
 */
class PendingSyncs {
  #pub: Publisher;
  #wire: Wire;
  /** By room: whether a signal was missed. */
  #rooms = new Map<string, boolean>();
  #all = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(pub: Publisher, wire: Wire) {
    this.#pub = pub;
    this.#wire = wire;
  }

  add(missed: readonly Missed[]): void {
    for (const { room, isSignal } of missed) this.#rooms.set(room, isSignal || this.#rooms.get(room) === true);
    if (this.#rooms.size > MAX_PENDING_SYNCS) this.addAll();
    else if (missed.length > 0) this.#schedule();
  }

  addAll(): void {
    this.#all = true;
    this.#rooms.clear();
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
    const rooms = [...this.#rooms];
    this.#rooms.clear();
    const emits = rooms.flatMap(([room, missedSignal]): Emit[] => [
      // The channel of a group has other signals: its users who missed one have a signal of their own.
      ...(missedSignal && conversationOfRoom(room) === undefined ? [[room, new Signal(userSignal({}))] as Emit] : []),
      [room, packet],
    ]);
    this.add(await publishAll(this.#pub, this.#wire, emits));
    if (!this.#all) return;
    this.#all = false;
    const sent = withDeadline(this.#pub.publish(GAP_CHANNEL, ''), PUBLISH_DEADLINE_MS, 'publish');
    await sent.catch(() => this.addAll());
  }
}
