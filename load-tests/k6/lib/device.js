// @ts-check

import { Hearing } from './hearing.js';
import { SocketClient } from './socket-client.js';
import { readAnswer, readMessage, readSync } from './wire.js';

/** @import { Meter } from './metrics.js' */
/** @import { W3cSocket } from './w3c-socket.js' */
/** @import { Message } from './wire.js' */

/**
 * @typedef {{
 *   url: string,
 *   user: string,
 *   token: string,
 *   conversations: readonly string[],
 *   openSocket: (url: string) => W3cSocket,
 *   ackTimeoutMs: number,
 *   random: () => number,
 *   now: () => number,
 * }} DeviceOptions `conversations`: ids of those that the user is in.
 */

/**
 * @typedef {{
 *   heard(message: Message, bySync: boolean): void,
 *   acked(clientMessageId: string): void,
 *   refused(clientMessageId: string, code: string): void,
 *   unanswered(clientMessageId: string): void,
 * }} DeviceEvents `heard`: once for each message, whether as an event or by `sync`. Of each message that is sent, exactly
 *   one of the others, unless the device is closed before.
 */

/**
 * @typedef {{ conversationId: string, content: string, clientMessageId: string }} Draft
 * @typedef {{ draft: Draft, wasSent: boolean }} Unacknowledged
 */

/** The largest slices that the protocol allows. */
const SYNC_CONVERSATIONS = 100;
const SYNC_MESSAGES = 500;
const SYNC_RETRY_MS = 1000;

/**
 * One device of a user, doing what the protocol asks of clients: it syncs after each connect, on `sync_required` and when
 * a `seq` is skipped, and after a reconnect it resends in order what was not acknowledged.
 */
export class Device {
  user;
  /** True from the first time that it was connected and in sync. */
  wasReady = false;
  #meter;
  #events;
  #options;
  #client;
  #ready = false;
  #isToBeCut = false;
  /** @type {number | undefined} */
  #lostAt;
  /** @type {Map<string, Hearing>} by conversation */
  #hearings = new Map();
  /** @type {Map<string, Unacknowledged>} by client message id, in the order of sending */
  #unacknowledged = new Map();
  /** Of the sync under way; another one makes it stale. */
  #syncs = 0;
  #syncing = false;

  /**
   * @param {DeviceOptions} options
   * @param {Meter} meter
   * @param {DeviceEvents} events
   */
  constructor(options, meter, events) {
    this.#options = options;
    this.#meter = meter;
    this.#events = events;
    this.user = options.user;
    for (const id of options.conversations) this.#hearings.set(id, new Hearing());
    const { url, token, openSocket, ackTimeoutMs, random, now } = options;
    this.#client = new SocketClient(
      { url, auth: { token }, openSocket, ackTimeoutMs, random, now },
      {
        connected: ({ connectMs }) => this.#connected(connectMs),
        refused: ({ code }) => this.#meter.add('chat_refused_connects', 1, { code }),
        failed: () => this.#meter.add('chat_failed_connects', 1),
        disconnected: () => this.#disconnected(),
        unreadable: () => this.#meter.add('chat_unreadable', 1),
        event: (name, args) => this.#heard(name, args[0]),
      },
    );
  }

  connect() {
    this.#client.connect();
  }

  /** Loses its connection and comes back as a stock client does; one that was never ready yet, as soon as it is. */
  cut() {
    if (this.wasReady) this.#client.cut();
    else this.#isToBeCut = true;
  }

  /** It has lost its connection and is not in sync again yet. */
  get isAway() {
    return this.#lostAt !== undefined;
  }

  close() {
    this.#ready = false;
    this.#client.close();
  }

  /** Now, or as soon as the device is connected and in sync. */
  send(/** @type {Draft} */ draft) {
    const message = { draft, wasSent: false };
    this.#unacknowledged.set(draft.clientMessageId, message);
    if (this.#ready) this.#submit(message);
  }

  /**
   * Marks as read; nothing when there is no connection just now.
   *
   * @param {string} conversationId
   * @param {number} upToSeq
   */
  read(conversationId, upToSeq) {
    const { now } = this.#options;
    const startedAt = now();
    this.#client.call('read_messages', { conversationId, upToSeq }, (error, answer) => {
      const ok = !error && readAnswer(answer).ok;
      this.#meter.add(ok ? 'chat_reads' : 'chat_failed_reads', 1);
      if (ok) this.#meter.add('chat_read_ms', now() - startedAt);
    });
  }

  #connected(/** @type {number} */ connectMs) {
    this.#meter.add('chat_connect_ms', connectMs);
    for (const hearing of this.#hearings.values()) hearing.reconnected();
    this.#sync();
  }

  #disconnected() {
    this.#ready = false;
    this.#syncing = false;
    this.#syncs++;
    if (this.#lostAt === undefined) this.#lostAt = this.#options.now();
  }

  /** Connected and in sync. */
  #becomeReady() {
    if (this.#ready) return;
    this.#ready = true;
    this.wasReady = true;
    if (this.#lostAt !== undefined) {
      this.#meter.add('chat_reconnects', 1);
      this.#meter.add('chat_recovery_ms', this.#options.now() - this.#lostAt);
      this.#lostAt = undefined;
    }
    if (this.#isToBeCut) {
      this.#isToBeCut = false;
      this.#client.cut();
      return;
    }
    for (const message of [...this.#unacknowledged.values()]) this.#submit(message);
  }

  #submit(/** @type {Unacknowledged} */ message) {
    const { clientMessageId } = message.draft;
    if (message.wasSent) this.#meter.add('chat_resent', 1);
    message.wasSent = this.#client.call('send_message', message.draft, (error, answer) => {
      // It stays, and goes out again after the reconnect.
      if (error === 'disconnected') return;
      this.#unacknowledged.delete(clientMessageId);
      if (error) this.#events.unanswered(clientMessageId);
      else {
        const { ok, code } = readAnswer(answer);
        if (ok) this.#events.acked(clientMessageId);
        else this.#events.refused(clientMessageId, code);
      }
    });
  }

  /**
   * @param {string} name
   * @param {unknown} payload
   */
  #heard(name, payload) {
    if (name === 'sync_required') this.#sync();
    if (name !== 'new_message') return;
    const message = readMessage(payload);
    const hearing = message && this.#hearings.get(message.conversationId);
    if (!message || !hearing) return;
    const { isNew, again, late, hole } = hearing.event(message.seq);
    if (again) this.#meter.add('chat_duplicated', 1);
    if (late) this.#meter.add('chat_out_of_order', 1);
    if (isNew) this.#events.heard(message, false);
    if (hole && !this.#syncing) this.#sync();
  }

  /** Asks for what it missed, of all its conversations, until there is no more. A sync that comes meanwhile starts anew. */
  #sync() {
    this.#syncing = true;
    this.#askFrom(0, ++this.#syncs);
  }

  /**
   * @param {number} first of the conversations of this slice
   * @param {number} run
   */
  #askFrom(first, run) {
    const slice = [...this.#hearings].slice(first, first + SYNC_CONVERSATIONS);
    if (slice.length === 0) {
      this.#syncing = false;
      this.#becomeReady();
      return;
    }
    const conversations = slice.map(([id, { held }]) => ({ id, afterSeq: held }));
    this.#client.call('sync', { conversations, limit: SYNC_MESSAGES }, (error, answer) => {
      if (error === 'disconnected' || run !== this.#syncs) return;
      const { ok, retryAfterMs } = readAnswer(answer);
      if (error || !ok) {
        const again = () => run === this.#syncs && this.#askFrom(first, run);
        setTimeout(again, (retryAfterMs || SYNC_RETRY_MS) * (0.5 + this.#options.random()));
        return;
      }
      const { messages, hasMore } = readSync(answer);
      for (const message of messages)
        if (this.#hearings.get(message.conversationId)?.synced(message.seq)) this.#events.heard(message, true);
      this.#askFrom(hasMore ? first : first + SYNC_CONVERSATIONS, run);
    });
  }
}
