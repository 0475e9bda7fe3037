import {
  type ClientEvent,
  clientEvents,
  type ErrorCode,
  HTTP_STATUS,
  parseOrReject,
  Rejection,
  toErrorPayload,
  type UserId,
} from '@chat-cluster/contracts';
import { type Logger, startSpan } from '@chat-cluster/runtime';
import { Counter, Histogram } from 'prom-client';
import type { output } from 'zod';
import type { ChatSocket } from '../chat-socket.ts';
import { rejectIfExpired } from '../end-session.ts';
import { type EventPacket, receiveEvents, sendAck } from '../engine-io.ts';
import { cut, TOO_DEEP } from '../transport/packet-guard.ts';
import { TurnBudget } from './turn-budget.ts';

const events = new Counter({
  name: 'chat_events_total',
  help: 'Events of clients by result: ok, or the error code',
  labelNames: ['event', 'result'],
});
const durations = new Histogram({
  name: 'chat_event_duration_seconds',
  help: 'Time from the receipt of an event to its ack',
  labelNames: ['event'],
  buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
});

/** Handler of one event. Its result is the ack, if the client requested one. */
export type Handler<E extends ClientEvent> = (
  userId: UserId,
  payload: output<(typeof clientEvents)[E]>,
  socket: ChatSocket,
) => Promise<object>;

export type Handlers = { [E in ClientEvent]: Handler<E> };

export interface DispatchDeps {
  handlers: Handlers;
  logger: Logger;
}

/** Same as when a lane is overloaded (inbox.ts), in ms. */
const OVERLOADED_RETRY_MS = 1_000;

type Ack = (result: object) => void;

/**
 * Receives every event of every socket: parse, call the handler, acknowledge. Every event gets an answer: a result or a
 * coded error in its ack, or the error as `exception` if the client requested no ack. A bad event never ends the
 * connection, only too many of them do. An event whose trace is sampled has a span until its ack.
 * `socket.data.underWay` counts the events without an answer, for the drain.
 *
 * Events bypass Socket.IO's listeners and its ack encoder (engine-io.ts): nothing is binary, and there are no
 * middlewares.
 */
export class EventDispatcher {
  readonly #deps: DispatchDeps;
  readonly #turn = new TurnBudget();
  /** All sockets share one function, so an idle one has none of its own. */
  readonly #onPacket: (this: ChatSocket, packet: EventPacket) => void;

  constructor(deps: DispatchDeps) {
    this.#deps = deps;
    const dispatcher = this;
    this.#onPacket = function (packet) {
      dispatcher.#receive(this, packet);
    };
  }

  /** Receives the events of the socket from now on. */
  attach(socket: ChatSocket): void {
    receiveEvents(socket, this.#onPacket);
  }

  #receive(socket: ChatSocket, { data = [], id }: EventPacket): void {
    const [first = '', ...payloads] = data;
    const name = String(first);
    const event = Object.hasOwn(clientEvents, name) ? (name as ClientEvent) : undefined;
    const ack: Ack | undefined = id === undefined ? undefined : (result) => sendAck(socket, id, result);
    socket.data.underWay++;
    const started = performance.now();
    const span = event && startSpan(event, { kind: 'server' });
    const answered = span
      ? span.run(() => this.#answer(socket, name, event, payloads, ack))
      : this.#answer(socket, name, event, payloads, ack);
    void answered.then((result) => {
      socket.data.underWay--;
      countOf(event ?? 'unknown', result).inc();
      histograms.get(event ?? 'unknown')?.observe((performance.now() - started) / 1_000);
      span?.end({ attributes: { 'chat.result': result }, failed: result !== 'ok' && HTTP_STATUS[result] >= 500 });
    });
  }

  /** Handles the event and answers the client. Resolves with `ok` or the error's code; never rejects. */
  async #answer(
    socket: ChatSocket,
    name: string,
    event: ClientEvent | undefined,
    payloads: readonly unknown[],
    ack: Ack | undefined,
  ): Promise<'ok' | ErrorCode> {
    try {
      const result = await this.#handle(event, payloads, socket);
      ack?.(result);
      return 'ok';
    } catch (cause) {
      if (!(cause instanceof Rejection)) {
        this.#deps.logger.error({ err: cause, event: event ?? 'unknown' }, 'event: a fault');
      }
      const error = toErrorPayload(cause);
      if (ack) ack({ ok: false, error });
      else socket.emit('exception', { event: name.slice(0, 64), error });
      return error.code;
    }
  }

  async #handle(event: ClientEvent | undefined, payloads: readonly unknown[], socket: ChatSocket): Promise<object> {
    const { packets, user } = socket.data;
    const waitMs = packets.take() || user.events.take();
    if (waitMs > 0) {
      if (packets.isAbused || user.events.isAbused) cut(socket.conn, 'rate_limit');
      throw new Rejection('RATE_LIMITED', { retryAfterMs: waitMs });
    }
    if (this.#turn.isSpent()) throw new Rejection('OVERLOADED', { retryAfterMs: OVERLOADED_RETRY_MS });
    if (payloads.length > 1) {
      throw new Rejection('VALIDATION_FAILED', { message: 'Send one payload, then an optional ack callback.' });
    }
    rejectIfExpired(socket);
    const { handlers } = this.#deps;
    if (event === undefined) throw new Rejection('UNKNOWN_EVENT');
    if (payloads[0] === TOO_DEEP) throw new Rejection('VALIDATION_FAILED', { message: TOO_DEEP });
    const payload = parseOrReject(clientEvents[event], payloads[0]);
    return (handlers[event] as Handler<ClientEvent>)(socket.data.userId, payload as never, socket);
  }
}

// Child metrics, since prom-client would check and join an object of labels for every event.
const histograms = new Map([...Object.keys(clientEvents), 'unknown'].map((name) => [name, durations.labels(name)]));
const counts = new Map<string, Counter.Internal>();

function countOf(event: string, result: string): Counter.Internal {
  const key = `${event} ${result}`;
  const count = counts.get(key) ?? events.labels(event, result);
  if (!counts.has(key)) counts.set(key, count);
  return count;
}
