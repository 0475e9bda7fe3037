import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ConversationId, ConversationSummary, ErrorPayload, Message, UserId } from '@chat-cluster/contracts';
import type { ChatSocket, OpenSocket } from '../src/types.ts';

/** One event that the client has sent. `answer` sends its ack. */
export interface Received {
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into payloads of all events.
  payload: any;
  answer(ack: object): void;
}

/** A socket whose server is the test. */
export class HandMadeSocket implements ChatSocket {
  connected = false;
  isEnded = false;
  token: string | undefined;
  readonly received: Received[] = [];
  readonly #listeners = new Map<string, ((value: unknown) => void)[]>();
  readonly #authenticate: (send: (data: { token: string }) => void) => void;

  constructor(authenticate: (send: (data: { token: string }) => void) => void) {
    this.#authenticate = authenticate;
  }

  on(event: string, listener: (...values: never[]) => void): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener as (value: unknown) => void]);
  }

  off(): void {
    this.#listeners.clear();
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  connect(): void {
    this.#authenticate(({ token }) => {
      this.token = token;
    });
  }

  disconnect(): void {
    this.connected = false;
    this.isEnded = true;
  }

  emit(event: string, payload: unknown, acknowledge: (ack: unknown) => void = () => {}): void {
    this.received.push({ event, payload, answer: acknowledge });
  }

  /** The server emits an event. */
  push(event: string, payload?: unknown): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(payload);
  }

  accept(session: object = {}): void {
    this.connected = true;
    this.push('connect');
    this.push('session', {
      userId: 'alice',
      connectionId: 'c1',
      gatewayId: 'gateway-1',
      serverTime: '2026-01-01T12:00:00.000Z',
      epoch: EPOCH,
      ...session,
    });
  }

  lose(reason = 'transport close'): void {
    this.connected = false;
    this.push('disconnect', reason);
  }

  refuse(error: Partial<ErrorPayload> & { code: ErrorPayload['code'] }): void {
    this.push('connect_error', Object.assign(new Error('refused'), { data: failure(error).error }));
  }

  /** The next event of this name that the client has sent and the test has not taken. */
  take(event: string): Received {
    const at = this.received.findIndex((one) => one.event === event);
    const [taken] = at < 0 ? [] : this.received.splice(at, 1);
    if (!taken)
      throw new Error(`no ${event} was sent, but ${this.received.map((one) => one.event).join(', ') || 'nothing'}`);
    return taken;
  }

  has(event: string): boolean {
    return this.received.some((one) => one.event === event);
  }
}

/** What a client connects to in unit tests: it does nothing by itself. */
export class HandMadeServer {
  readonly sockets: HandMadeSocket[] = [];
  /** The conversations that `GET /api/messages/conversations` lists. */
  list: ConversationSummary[] = [];
  nextCursor: string | null = null;
  epoch = EPOCH;
  listCalls = 0;

  readonly open: OpenSocket = (_url, { auth }) => {
    const socket = new HandMadeSocket(auth);
    this.sockets.push(socket);
    return socket;
  };

  readonly fetch = (async (url: string, request: { method: string }) => {
    const body =
      request.method === 'POST'
        ? { id: conversationId(9), kind: 'direct', participantIds: ['alice', 'bob'], createdAt: AT }
        : { epoch: this.epoch, conversations: this.list, nextCursor: this.nextCursor };
    if (String(url).includes('/messages/conversations')) this.listCalls++;
    return { ok: true, json: async () => body };
  }) as unknown as typeof fetch;

  /** The newest socket. */
  get socket(): HandMadeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error('no socket was opened');
    return socket;
  }

  /** Sockets that are not ended. */
  get alive(): HandMadeSocket[] {
    return this.sockets.filter(({ isEnded }) => !isEnded);
  }
}

export const EPOCH = '5b0f4a52-6f0e-4d43-9f0a-0d9f4b1d7c11';
export const OTHER_EPOCH = '5b0f4a52-6f0e-4d43-9f0a-0d9f4b1d7c12';
const AT = '2026-01-01T12:00:00.000Z';

export function conversationId(n: number): ConversationId {
  return `01926b3a-7c11-7d3e-9f52-${String(n).padStart(12, '0')}` as ConversationId;
}

export function message(conversation: number, seq: number, fields: Partial<Message> = {}): Message {
  return {
    id: `${conversation}-${seq}`,
    conversationId: conversationId(conversation),
    seq,
    senderId: 'bob',
    receiverId: 'alice',
    clientMessageId: `server-${conversation}-${seq}`,
    content: `text ${seq}`,
    attachments: [],
    isRead: false,
    createdAt: AT,
    ...fields,
  } as Message;
}

export function summary(
  conversation: number,
  lastSeq: number,
  fields: Partial<ConversationSummary> = {},
): ConversationSummary {
  return {
    id: conversationId(conversation),
    otherUserId: 'bob' as UserId,
    lastMessage: lastSeq > 0 ? message(conversation, lastSeq) : null,
    unreadCount: 0,
    lastSeq,
    updatedAt: AT,
    ...fields,
  };
}

export function failure(error: Partial<ErrorPayload> & { code: ErrorPayload['code'] }) {
  return { ok: false, error: { message: error.code, retryable: false, ...error } };
}

/** An ack of `sync`. */
export function synced(fields: object = {}) {
  return {
    ok: true,
    epoch: EPOCH,
    conversations: [],
    notFound: [],
    hasMore: false,
    unread: { count: 0, conversations: [] },
    feed: { conversations: [], since: 's1', hasMore: false },
    ...fields,
  };
}

/** Messages `from` to `to` of a conversation, as a part of an ack of `sync`. */
export function part(conversation: number, from: number, to: number, fields: object = {}) {
  const messages = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => message(conversation, from + i));
  return { id: conversationId(conversation), messages, lastSeq: to, hasMore: false, readMarks: [], ...fields };
}

/** Lets promises settle. */
export async function settle(): Promise<void> {
  await nextTurn();
  await nextTurn();
}
