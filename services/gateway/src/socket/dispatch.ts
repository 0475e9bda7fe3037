import {
  type ClientEvent,
  clientEvents,
  type ErrorPayload,
  parseOrReject,
  Rejection,
  toErrorPayload,
  type UserId,
} from '@chat-cluster/contracts';
import type { Logger } from '@chat-cluster/runtime';
import { Counter, Histogram } from 'prom-client';
import type { output } from 'zod';
import type { ChatServer, ChatSocket } from './server.ts';
import { TokenBucket } from './token-bucket.ts';

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
 * connection. `socket.data.underWay` is the number of events without an answer yet, for a drain.
 */
export function dispatchEvents(
  io: ChatServer,
  handlers: Handlers,
  options: { logger: Logger; perSecond: number; burst: number },
): void {
  const buckets = new WeakMap<ChatSocket, TokenBucket>();
  io.on('connection', (socket) => socket.onAny(hear));

  /** One listener for all sockets; an idle one has nothing of its own here. */
  function hear(this: ChatSocket, event: string, ...args: unknown[]): void {
    this.data.underWay++;
    const started = performance.now();
    const known = isKnown(event) ? event : undefined;
    void answer(this, event, known, args, (payload) => handle(known, payload, this)).then((result) => {
      this.data.underWay--;
      events.inc({ event: known ?? 'unknown', result });
      durations.observe({ event: known ?? 'unknown' }, (performance.now() - started) / 1_000);
    });
  }

  function bucketOf(socket: ChatSocket): TokenBucket {
    const bucket = buckets.get(socket) ?? new TokenBucket(options.perSecond, options.burst);
    buckets.set(socket, bucket);
    return bucket;
  }

  async function handle(event: ClientEvent | undefined, payload: unknown, socket: ChatSocket): Promise<object> {
    const waitMs = bucketOf(socket).take();
    if (waitMs > 0) throw new Rejection('RATE_LIMITED', { retryAfterMs: waitMs });
    if (event === undefined) throw new Rejection('UNKNOWN_EVENT');
    return call(handlers, event, socket, payload);
  }

  /** Carries out the event and tells the client; resolves with `ok` or the error's code and never rejects. */
  async function answer(
    socket: ChatSocket,
    event: string,
    known: ClientEvent | undefined,
    args: unknown[],
    run: (payload: unknown) => Promise<object>,
  ): Promise<string> {
    const last = args.at(-1);
    const ack = isFunction(last) ? last : undefined;
    try {
      const payloads = ack ? args.slice(0, -1) : args;
      if (payloads.length > 1) {
        throw new Rejection('VALIDATION_FAILED', { message: 'One payload, then an optional ack callback, please.' });
      }
      const result = await run(payloads[0]);
      ack?.(result);
      return 'ok';
    } catch (error) {
      if (!(error instanceof Rejection))
        options.logger.error({ err: error, event: known ?? 'unknown' }, 'event: a fault');
      refuse(socket, event, toErrorPayload(error), ack);
      return toErrorPayload(error).code;
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

function refuse(socket: ChatSocket, event: string, error: ErrorPayload, ack?: (result: object) => void): void {
  if (ack) ack({ ok: false, error });
  else socket.emit('exception', { event: event.slice(0, 64), error });
}

function isKnown(event: string): event is ClientEvent {
  return Object.hasOwn(clientEvents, event);
}

function isFunction(value: unknown): value is (result: object) => void {
  return typeof value === 'function';
}
