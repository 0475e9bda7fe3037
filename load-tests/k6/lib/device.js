// @ts-check

import { SeqWindow } from './seq-window.js';
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
 * }} DeviceOptions `conversations`: ids of the user's conversations.
 */

/**
 * @typedef {{
 *   received(message: Message, bySync: boolean): void,
 *   acked(clientMessageId: string): void,
 *   refused(clientMessageId: string, code: string): void,
 *   unanswered(clientMessageId: string): void,
 * }} DeviceEvents `received`: once per message, which came as an event or by `sync`. The others: exactly one of them
 *   per sent message, unless the device is closed before.
 */

/**
 * @typedef {{ conversationId: string, content: string, clientMessageId: string }} Draft
 * @typedef {{ draft: Draft, wasSent: boolean }} Unacknowledged
 */

/** The largest slices that the protocol allows, and the pause after a refused sync without `retryAfterMs`, in ms. */
const SYNC_CONVERSATIONS = 100;
const SYNC_MESSAGES = 500;
const SYNC_RETRY_MS = 1000;

/**
 * One device of a user that does a client's part of the protocol: it syncs after each connect, on `sync_required` and
 * when there is a gap in `seq`, and after a reconnect it resends the unacknowledged messages in order.
 */
export class Device {
  user;
  /** True once the device was connected and in sync for the first time. */
  wasReady = false;
  #meter;
  #events;
  #options;
  #client;
  #ready = false;
  #cutWhenReady = false;
  /** @type {number | undefined} */
  #lostAt;
  /** @type {Map<string, SeqWindow>} by conversation */
  #windows = new Map();
  /** The epoch of the store. @type {string | undefined} */
  #epoch;
  /** @type {Map<string, Unacknowledged>} by client message id, in the order of sending */
  #unacknowledged = new Map();
  /** Number of the sync under way: answers to earlier ones are dropped. */
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
    for (const id of options.conversations) this.#windows.set(id, new SeqWindow());
    const { url, token, openSocket, ackTimeoutMs, random, now } = options;
    this.#client = new SocketClient(
      { url, auth: { token }, openSocket, ackTimeoutMs, random, now },
      {
        connected: ({ connectMs }) => this.#connected(connectMs),
        refused: ({ code }) => this.#meter.add('chat_refused_connects', 1, { code }),
        failed: () => this.#meter.add('chat_failed_connects', 1),
        disconnected: () => this.#disconnected(),
        unreadable: () => this.#meter.add('chat_unreadable', 1),
        event: (name, args) => this.#event(name, args[0]),
      },
    );
  }

  connect() {
    this.#client.connect();
  }

  /** Breaks the connection, now or when it is first in sync. The device reconnects as a stock client does. */
  cut() {
    if (this.wasReady) this.#client.cut();
    else this.#cutWhenReady = true;
  }

  /** True from the loss of a connection until the device is in sync again. */
  get isRecovering() {
    return this.#lostAt !== undefined;
  }

  close() {
    this.#ready = false;
    this.#client.close();
  }

  /** Sends a message now, or as soon as the device is connected and in sync. */
  send(/** @type {Draft} */ draft) {
    const message = { draft, wasSent: false };
    this.#unacknowledged.set(draft.clientMessageId, message);
    if (this.#ready) this.#submit(message);
  }

  /**
   * Marks messages as read. Does nothing while there is no connection.
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
    for (const window of this.#windows.values()) window.reconnected();
    this.#sync();
  }

  #disconnected() {
    this.#ready = false;
    this.#syncing = false;
    this.#syncs++;
    if (this.#lostAt === undefined) this.#lostAt = this.#options.now();
  }

  /** The device is connected and in sync. */
  #becomeReady() {
    if (this.#ready) return;
    this.#ready = true;
    this.wasReady = true;
    if (this.#lostAt !== undefined) {
      this.#meter.add('chat_reconnects', 1);
      this.#meter.add('chat_recovery_ms', this.#options.now() - this.#lostAt);
      this.#lostAt = undefined;
    }
    if (this.#cutWhenReady) {
      this.#cutWhenReady = false;
      this.#client.cut();
      return;
    }
    for (const message of [...this.#unacknowledged.values()]) this.#submit(message);
  }

  #submit(/** @type {Unacknowledged} */ message) {
    const { clientMessageId } = message.draft;
    if (message.wasSent) this.#meter.add('chat_resent', 1);
    message.wasSent = this.#client.call('send_message', message.draft, (error, answer) => {
      // It stays and is resent after the reconnect.
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
  #event(name, payload) {
    if (name === 'sync_required') this.#sync();
    if (name !== 'new_message') return;
    const message = readMessage(payload);
    const window = message && this.#windows.get(message.conversationId);
    if (!message || !window) return;
    const { isNew, repeated, late, gap } = window.event(message.seq);
    if (repeated) this.#meter.add('chat_duplicated', 1);
    if (late) this.#meter.add('chat_out_of_order', 1);
    if (isNew) this.#events.received(message, false);
    if (gap && !this.#syncing) this.#sync();
  }

  /** Requests the missing messages of all conversations. A sync under way is abandoned and starts again. */
  #sync() {
    this.#syncing = true;
    this.#syncFrom(0, ++this.#syncs);
  }

  /**
   * @param {number} first index of the first conversation of this slice
   * @param {number} run number of this sync
   */
  #syncFrom(first, run) {
    const slice = [...this.#windows].slice(first, first + SYNC_CONVERSATIONS);
    if (slice.length === 0) {
      this.#syncing = false;
      this.#becomeReady();
      return;
    }
    const conversations = slice.map(([id, { upTo }]) => ({ id, afterSeq: upTo }));
    this.#client.call('sync', { conversations, limit: SYNC_MESSAGES }, (error, answer) => {
      if (error === 'disconnected' || run !== this.#syncs) return;
      const { ok, retryAfterMs } = readAnswer(answer);
      if (error || !ok) {
        const again = () => run === this.#syncs && this.#syncFrom(first, run);
        setTimeout(again, (retryAfterMs || SYNC_RETRY_MS) * (0.5 + this.#options.random()));
        return;
      }
      const { epoch, messages, hasMore } = readSync(answer);
      const restored = this.#epoch !== undefined && epoch !== undefined && this.#epoch !== epoch;
      this.#epoch = epoch ?? this.#epoch;
      // The database was restored and numbers are assigned again: the device discards its messages and starts anew.
      if (restored) {
        for (const id of this.#windows.keys()) this.#windows.set(id, new SeqWindow());
        this.#sync();
        return;
      }
      for (const message of messages)
        if (this.#windows.get(message.conversationId)?.synced(message.seq)) this.#events.received(message, true);
      this.#syncFrom(hasMore ? first : first + SYNC_CONVERSATIONS, run);
    });
  }
}
