import type { ConversationId, UserId } from '@chat-cluster/contracts';
import type { UnreadSummary } from '@chat-cluster/domain';
import { conversationOfRoom, conversationRoom } from '@chat-cluster/redis';
import { type Logger, retry } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';
import type { ChatServer, ChatSocket } from './chat-socket.ts';

/** Time after which `sync` does not wait for rooms, in ms (sync-event.ts); sockets then get `sync_required`. */
const LATE_MS = 1_000;

const joins = new Counter({
  name: 'chat_group_room_joins_total',
  help: 'Sockets that joined the rooms of their large groups: at connect, after a change of members, and those of either that were late and must sync',
  labelNames: ['kind'],
});

export interface GroupRoomsDeps {
  io: ChatServer;
  /** The unread summary of a user, with the groups of the user that have a room. */
  unreadOf(userId: UserId): Promise<UnreadSummary>;
  /** Resolves when emits to the room reach this gateway. */
  subscribed(room: string): Promise<void>;
  logger: Logger;
}

/**
 * Keeps the sockets of users in the rooms of their groups. The store is the truth: the groups of a user are read with the
 * badge at connect, and again after each signal of a worker (packages/redis, room-signal.ts). A signal that arrives
 * during a read repeats it, so an older read never brings a removed user back. A removed user leaves at once, in order
 * with the emits of the room.
 *
 * Nothing is kept per user while no read is under way.
 */
export class GroupRooms {
  readonly #deps: GroupRoomsDeps;
  readonly #runs = new Map<UserId, Run>();
  /** Rooms that were joined and are not subscribed yet. */
  readonly #joining = new Map<UserId, Promise<void>>();
  #onJoinedLate: (socket: ChatSocket) => void = () => {};

  constructor(deps: GroupRoomsDeps) {
    this.#deps = deps;
  }

  /** Calls `listener` with each socket that joined a room after its connect, so it may have missed entries. */
  onJoinedLate(listener: (socket: ChatSocket) => void): void {
    this.#onJoinedLate = listener;
  }

  /**
   * Reads the summary of a user after `start`, and joins the sockets of the user to the rooms of that read. Resolves
   * with the summary; undefined when the user has no socket here. Rooms are joined then, and may not be subscribed yet.
   */
  enter(userId: UserId, start: Promise<unknown> = Promise.resolve()): Promise<UnreadSummary | undefined> {
    const running = this.#runs.get(userId);
    if (running) {
      running.again = true;
      return running.summary;
    }
    return this.#run(userId, start, false).summary;
  }

  /** A worker reports that the groups of the user have changed. */
  onRooms(userId: UserId): void {
    const running = this.#runs.get(userId);
    if (running) Object.assign(running, { again: true, isSignalled: true });
    else this.#run(userId, Promise.resolve(), true);
  }

  /** These users were removed from a group. */
  onLeave(id: ConversationId, userIds: readonly UserId[]): void {
    for (const userId of userIds) {
      const running = this.#runs.get(userId);
      if (running) running.again = true;
      for (const socket of this.#socketsOf(userId)) void socket.leave(conversationRoom(id));
    }
  }

  /** Resolves when the rooms of the user are joined and subscribed; at once when no read is under way. */
  async ready(userId: UserId): Promise<void> {
    await this.#runs.get(userId)?.summary;
    await this.#joining.get(userId);
  }

  #run(userId: UserId, start: Promise<unknown>, isSignalled: boolean): Run {
    const run: Run = { again: false, isSignalled, summary: Promise.resolve(undefined) };
    this.#runs.set(userId, run);
    run.summary = start
      .then(() => this.#readAndJoin(userId, run))
      .catch((err: unknown) => {
        this.#runs.delete(userId);
        this.#deps.logger.error({ err }, 'rooms of groups: a fault');
        return undefined;
      });
    return run;
  }

  /** Reads until no signal has arrived meanwhile, while the user has a socket. */
  async #readAndJoin(userId: UserId, run: Run): Promise<UnreadSummary | undefined> {
    for (;;) {
      run.again = false;
      const summary = await retry(async () => (this.#hasSocket(userId) ? this.#deps.unreadOf(userId) : undefined), {
        minMs: 200,
        maxMs: 5_000,
      });
      if (run.again && this.#hasSocket(userId)) continue;
      // From here on a signal begins another run.
      this.#runs.delete(userId);
      if (summary && summary.rooms.length > 0) this.#join(userId, summary.rooms, run.isSignalled);
      else this.#apply(userId, []);
      return summary;
    }
  }

  #join(userId: UserId, rooms: readonly ConversationId[], isSignalled: boolean): void {
    const joined = this.#apply(userId, rooms);
    if (joined.length === 0) return;
    joins.inc({ kind: isSignalled ? 'change' : 'connect' }, joined.length);
    const started = performance.now();
    const earlier = this.#joining.get(userId);
    const subscribed = Promise.all([earlier, ...rooms.map((id) => this.#deps.subscribed(conversationRoom(id)))]);
    const done = subscribed.then(() => {
      if (this.#joining.get(userId) === done) this.#joining.delete(userId);
      if (!isSignalled && performance.now() - started < LATE_MS) return;
      joins.inc({ kind: 'late' }, joined.length);
      for (const socket of joined) if (socket.connected) this.#onJoinedLate(socket);
    });
    this.#joining.set(userId, done);
  }

  /** Joins the missing rooms and leaves the others. Returns the sockets that joined one. */
  #apply(userId: UserId, rooms: readonly ConversationId[]): ChatSocket[] {
    const wanted = new Set(rooms.map(conversationRoom));
    return this.#socketsOf(userId).filter((socket) => {
      const missing = wanted.difference(socket.rooms);
      for (const room of socket.rooms) {
        if (conversationOfRoom(room) !== undefined && !wanted.has(room)) void socket.leave(room);
      }
      if (missing.size > 0) void socket.join([...missing]);
      return missing.size > 0;
    });
  }

  #hasSocket(userId: UserId): boolean {
    return (this.#deps.io.of('/').adapter.rooms.get(userId)?.size ?? 0) > 0;
  }

  #socketsOf(userId: UserId): ChatSocket[] {
    const { adapter, sockets } = this.#deps.io.of('/');
    return [...(adapter.rooms.get(userId) ?? [])].flatMap((id) => sockets.get(id) ?? []);
  }
}

/** A read of the groups of a user, and the joins after it. */
interface Run {
  /** A signal or another socket has come since the read began. */
  again: boolean;
  /** The sockets were connected before, so those that join a room must sync. */
  isSignalled: boolean;
  summary: Promise<UnreadSummary | undefined>;
}
