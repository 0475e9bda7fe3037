import {
  type ClientEvent,
  clientEvents,
  type ErrorCode,
  type ErrorPayload,
  HTTP_STATUS,
  parseOrReject,
  Rejection,
  toErrorPayload,
  type UserId,
} from '@chat-cluster/contracts';
import { type Logger, startSpan } from '@chat-cluster/runtime';
import { Counter, Histogram } from 'prom-client';
import type { output } from 'zod';
import type { ChatServer, ChatSocket } from '../server.ts';
import { TokenBucket } from './token-bucket.ts';
import { TurnBudget } from './turn-budget.ts';

const events = new Counter({
  name: 'chat_events_total',
  help: 'Events of clients by result: ok, or the code of the error',
  labelNames: ['event', 'result'],
});
const durations = new Histogram({
  name: 'chat_event_duration_seconds',
  help: 'From an event to its ack',
  labelNames: ['event'],
  buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
});

const counts = new Map<string, Counter.Internal>();
const histograms = new Map<string, Histogram.Internal<'event'>>();

/** The metrics of one event are looked up by its name: prom-client would check and join an object of labels for each. */
function countOf(event: string, result: string): Counter.Internal {
  const key = `${event} ${result}`;
  const count = counts.get(key) ?? events.labels(event, result);
  if (!counts.has(key)) counts.set(key, count);
  return count;
}

function durationOf(event: string): Histogram.Internal<'event'> {
  const histogram = histograms.get(event) ?? durations.labels(event);
  if (!histograms.has(event)) histograms.set(event, histogram);
  return histogram;
}

/** As lanes say it (inbox.ts). */
const OVERLOADED_RETRY_MS = 1_000;

/** What the gateway does for each event; the result goes to the ack callback, when there is one. */
export type Handlers = {
  [E in ClientEvent]: (
    userId: UserId,
    payload: output<(typeof clientEvents)[E]>,
    socket: ChatSocket,
  ) => Promise<object>;
};

/**
 * Hears every event of every socket: parse, call, acknowledge. Whatever a client sends, it gets an answer: a result or
 * a coded error in its ack, or the error as `exception` when it passed no callback. A bad event never ends the
 * connection. An event whose trace is sampled has a span until its ack. `socket.data.underWay` is the number of events without an answer yet, for a drain.
 */
export function dispatchEvents(
  io: ChatServer,
  handlers: Handlers,
  options: { logger: Logger; perSecond: number; burst: number },
): void {
  const turn = new TurnBudget();
  const buckets = new WeakMap<ChatSocket, TokenBucket>();
  io.on('connection', (socket) => {
    (socket as unknown as Hearing).onevent = onEvent;
  });

  /**
   * In place of Socket.IO's own, which also looks for middleware and listeners of each event: there are none. One function
   * for all sockets; an idle one has nothing of its own here.
   */
  function onEvent(this: ChatSocket, { data = [], id }: EventPacket): void {
    const [event = '', ...payloads] = data;
    hear(this, String(event), payloads, id === undefined ? undefined : (result) => acknowledge(this, id, result));
  }

  function hear(socket: ChatSocket, event: string, payloads: unknown[], ack: Ack | undefined): void {
    socket.data.underWay++;
    const started = performance.now();
    const known = isKnown(event) ? event : undefined;
    const span = known && startSpan(known, { kind: 'server' });
    const answered = span
      ? span.run(() => answer(socket, event, known, payloads, ack))
      : answer(socket, event, known, payloads, ack);
    void answered.then((result) => {
      socket.data.underWay--;
      countOf(known ?? 'unknown', result).inc();
      durationOf(known ?? 'unknown').observe((performance.now() - started) / 1_000);
      span?.end({ attributes: { 'chat.result': result }, failed: result !== 'ok' && HTTP_STATUS[result] >= 500 });
    });
  }

  function bucketOf(socket: ChatSocket): TokenBucket {
    let bucket = buckets.get(socket);
    if (!bucket) {
      bucket = new TokenBucket(options.perSecond, options.burst);
      buckets.set(socket, bucket);
    }
    return bucket;
  }

  async function handle(
    event: ClientEvent | undefined,
    payloads: readonly unknown[],
    socket: ChatSocket,
  ): Promise<object> {
    if (payloads.length > 1) {
      throw new Rejection('VALIDATION_FAILED', { message: 'One payload, then an optional ack callback, please.' });
    }
    const waitMs = bucketOf(socket).take();
    if (waitMs > 0) throw new Rejection('RATE_LIMITED', { retryAfterMs: waitMs });
    if (turn.isSpent()) throw new Rejection('OVERLOADED', { retryAfterMs: OVERLOADED_RETRY_MS });
    if (event === undefined) throw new Rejection('UNKNOWN_EVENT');
    return call(handlers, event, socket, payloads[0]);
  }

  /** Carries out the event and tells the client; resolves with `ok` or the error's code and never rejects. */
  async function answer(
    socket: ChatSocket,
    event: string,
    known: ClientEvent | undefined,
    payloads: readonly unknown[],
    ack: Ack | undefined,
  ): Promise<'ok' | ErrorCode> {
    try {
      const result = await handle(known, payloads, socket);
      ack?.(result);
      return 'ok';
    } catch (error) {
      if (!(error instanceof Rejection))
        options.logger.error({ err: error, event: known ?? 'unknown' }, 'event: a fault');
      const payload = toErrorPayload(error);
      refuse(socket, event, payload, ack);
      return payload.code;
    }
  }
}

function call<E extends ClientEvent>(
  handlers: Handlers,
  event: E,
  socket: ChatSocket,
  payload: unknown,
): Promise<object> {
  const parsed = parseOrReject(clientEvents[event], payload);
  return handlers[event](socket.data.userId, parsed as output<(typeof clientEvents)[E]>, socket);
}

function refuse(socket: ChatSocket, event: string, error: ErrorPayload, ack: Ack | undefined): void {
  if (ack) ack({ ok: false, error });
  else socket.emit('exception', { event: event.slice(0, 64), error });
}

/** Type of Socket.IO's packet. */
const ACK = '3';

/** Encoded here: Socket.IO would look through the result, twice, for binary data that it has none of. */
function acknowledge(socket: ChatSocket, id: number, result: object): void {
  const { client } = socket as unknown as Hearing;
  if (client.conn.readyState === 'open') client.writeToEngine([`${ACK}${id}${JSON.stringify([result])}`], {});
}

type Ack = (result: object) => void;

interface EventPacket {
  /** The name, a string or a number, and what came with it; absent in an event without even a name. */
  data?: unknown[];
  /** When the client wants an ack. */
  id?: number;
}

/** What this file needs of a Socket.IO socket (4.8), private there. */
interface Hearing {
  onevent(this: ChatSocket, packet: EventPacket): void;
  readonly client: {
    readonly conn: { readonly readyState: string };
    writeToEngine(packets: readonly string[], options: object): void;
  };
}

function isKnown(event: string): event is ClientEvent {
  return Object.hasOwn(clientEvents, event);
}
