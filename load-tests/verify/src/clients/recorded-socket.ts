import type { ChatSocket, OpenSocket } from '@chat-cluster/client';
import type { ChangeMessageAck, FailureAck, ReadAck, SendAck, SyncAck } from '@chat-cluster/contracts';
import type { ReadAttempt, SendAttempt } from '@chat-cluster/testkit';
import { io, type Socket } from 'socket.io-client';
import { type Device, type DeviceOptions, type Draft, transportOf, unanswered, unansweredRead } from './device.ts';
import type { GroupActions } from './group-actions.ts';
import { refused } from './outcomes.ts';

/** The sockets of a library device: what the library and the server exchange is recorded between the two. */
export class RecordedSocket {
  readonly sends: SendAttempt[] = [];
  readonly reads: ReadAttempt[] = [];
  /** What the last ack of `sync`, or `session`, has. */
  epoch: string | undefined;
  unread = 0;
  /** No attempt begins any more. */
  isEnded = false;
  #device: Pick<Device, 'history' | 'userId'>;
  #options: DeviceOptions;
  #groups: () => GroupActions | undefined;
  #socket: Socket | undefined;
  /** Attempts on the present connection that have no answer yet. */
  #open = new Set<SendAttempt | ReadAttempt>();
  /** Numbers of syncs: the last one that was sent, those under way, the last that ended, and one that is not enough. */
  #syncs = 0;
  #syncing = new Set<number>();
  #synced = 0;
  #outdated = 0;

  constructor(
    device: Pick<Device, 'history' | 'userId'>,
    options: DeviceOptions,
    groups: () => GroupActions | undefined,
  ) {
    this.#device = device;
    this.#options = options;
    this.#groups = groups;
  }

  get socket(): Socket | undefined {
    return this.#socket;
  }

  /** A sync that began after the last loss of events has ended, and none is under way. */
  get isSynced(): boolean {
    return this.#syncing.size === 0 && this.#synced > this.#outdated;
  }

  /** Only a sync that begins from now on counts. */
  outdate(): void {
    this.#outdated = this.#syncs;
  }

  /** The connection has ended: its attempts have no outcome. */
  lost(at: number): void {
    for (const attempt of this.#open) attempt.outcome = { kind: 'unknown', at };
    this.#open.clear();
    this.#syncing.clear();
    this.outdate();
  }

  /** An event as if the server had sent it. */
  pretend(event: string, payload: object): void {
    for (const listener of this.#socket?.listeners(event) ?? []) listener(payload);
  }

  readonly open: OpenSocket = (url, { auth }): ChatSocket => {
    const base = { auth, forceNew: true, autoConnect: false, reconnection: false };
    const socket = io(url, { ...base, ...transportOf(this.#options) });
    this.#socket = socket;
    socket.onAny((event: string, payload: { epoch?: string }) => {
      if (event === 'session') this.epoch = payload.epoch;
      if (event !== 'sync_required') return;
      this.outdate();
      this.#device.history.events.push({ kind: 'syncRequired', at: this.#options.now() });
    });
    return {
      get id() {
        return socket.id;
      },
      get connected() {
        return socket.connected;
      },
      on: (event, listener) => socket.on(event, listener),
      off: () => socket.off(),
      connect: () => socket.connect(),
      disconnect: () => socket.disconnect(),
      emit: (event, payload, acknowledge = () => {}) => this.#emit(socket, event, payload, acknowledge),
    };
  };

  #emit(socket: Socket, event: string, payload: unknown, acknowledge: (ack: unknown) => void): void {
    if (event === 'sync') {
      const number = ++this.#syncs;
      this.#syncing.add(number);
      socket.emit(event, payload, (ack: SyncAck | FailureAck) => this.#syncEnded(number, ack, acknowledge));
    } else if (event === 'send_message' || event === 'read_messages') {
      if (this.isEnded) return;
      const attempt = this.#begin(event, payload as Draft, socket.id ?? '');
      socket.emit(event, payload, (ack: SendAck | ReadAck | FailureAck) => {
        this.#open.delete(attempt);
        // The outcome of its kind, since the ack is that of its event.
        attempt.outcome = outcomeOf(ack, this.#options.now()) as SendAttempt['outcome'] & ReadAttempt['outcome'];
        acknowledge(ack);
      });
    } else {
      const record = this.#groups()?.begin(event, payload as object);
      socket.emit(event, payload, (ack: ChangeMessageAck | FailureAck) => {
        record?.(ack);
        acknowledge(ack);
      });
    }
  }

  #begin(event: 'send_message' | 'read_messages', draft: Draft, connection: string): SendAttempt | ReadAttempt {
    const at = this.#options.now();
    const attempt =
      event === 'send_message'
        ? unanswered(this.#device, draft, { at, connection })
        : unansweredRead(this.#device.userId, draft.conversationId, at);
    this.#open.add(attempt);
    if ('sender' in attempt) this.sends.push(attempt);
    else this.reads.push(attempt);
    return attempt;
  }

  #syncEnded(number: number, ack: SyncAck | FailureAck, acknowledge: (ack: unknown) => void): void {
    this.#syncing.delete(number);
    if (ack.ok) {
      this.epoch = ack.epoch;
      this.unread = ack.unread.count;
    }
    // Sends the next one, if there is more.
    acknowledge(ack);
    if (ack.ok && this.#syncing.size === 0) this.#synced = number;
  }
}

function outcomeOf(ack: SendAck | ReadAck | FailureAck, at: number) {
  if (!ack.ok) return refused(ack.error, at);
  if (!('message' in ack)) return { kind: 'acked', at, upToSeq: ack.upToSeq };
  return { kind: 'acked', at, id: ack.message.id, seq: ack.message.seq, duplicate: ack.duplicate };
}
