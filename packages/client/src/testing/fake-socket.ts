import type { ErrorPayload } from '@chat-cluster/contracts';
import type { ChatSocket } from '../types.ts';
import type { ClientEnd, FakeConnection } from './connection.ts';

/** The cluster, as a socket reaches it. */
export interface FakeNetwork {
  /** Calls `arrive` in a microtask. */
  schedule(arrive: () => void): void;
  /** Opens a connection and calls `opened` or `refused` of the socket. */
  accept(socket: FakeSocket, token: unknown, protocol: unknown): void;
  isOffline(): boolean;
}

type Auth = (send: (data: { token: string; protocol?: number }) => void) => void;
type Listener = (...args: never[]) => void;

/**
 * The socket of a client. It behaves as one of socket.io-client without reconnection: events that are emitted without a
 * connection wait for the next one, and acks that are outstanding when a connection ends are never called.
 */
export class FakeSocket implements ChatSocket, ClientEnd {
  readonly #network: FakeNetwork;
  readonly #auth: Auth;
  #listeners = new Map<string, Listener[]>();
  #connection: FakeConnection | undefined;
  /** Number of the current attempt; 0: none. */
  #attempt = 0;
  #attempts = 0;
  #unsent: Parameters<ChatSocket['emit']>[] = [];

  constructor(network: FakeNetwork, auth: Auth) {
    this.#network = network;
    this.#auth = auth;
  }

  get id(): string | undefined {
    return this.#connection?.id;
  }

  get connected(): boolean {
    return this.#connection !== undefined;
  }

  on(event: string, listener: Listener): this {
    const listeners = this.#listeners.get(event) ?? [];
    this.#listeners.set(event, [...listeners, listener]);
    return this;
  }

  off(): this {
    this.#listeners.clear();
    return this;
  }

  connect(): this {
    if (this.#connection || this.#attempt > 0) return this;
    const attempt = ++this.#attempts;
    this.#attempt = attempt;
    // A step of an attempt that was given up meanwhile has no effect.
    const step = (next: () => void) =>
      this.#network.schedule(() => {
        if (this.#attempt === attempt) next();
      });
    step(() => {
      if (this.#network.isOffline()) this.refused(undefined);
      else this.#auth(({ token, protocol }) => step(() => this.#network.accept(this, token, protocol)));
    });
    return this;
  }

  disconnect(): this {
    this.#attempt = 0;
    const connection = this.#connection;
    if (!connection) return this;
    this.closed(connection, 'io client disconnect');
    this.#network.schedule(() => connection.clientLeft());
    return this;
  }

  emit(event: string, payload: unknown, acknowledge?: (ack: unknown) => void): this {
    if (!this.#connection) this.#unsent.push([event, payload, acknowledge]);
    else this.#connection.request(event, copy(payload), acknowledge);
    return this;
  }

  opened(connection: FakeConnection): void {
    this.#attempt = 0;
    this.#connection = connection;
    this.#dispatch('connect');
    for (const [event, payload, acknowledge] of this.#unsent.splice(0)) this.emit(event, payload, acknowledge);
  }

  /** The attempt failed: refused by the server with an error, or without one by the network. */
  refused(error: ErrorPayload | undefined): void {
    this.#attempt = 0;
    this.#dispatch(
      'connect_error',
      Object.assign(new Error(error?.message ?? 'websocket error'), error && { data: error }),
    );
  }

  /** Receives an event of a connection, unless it has ended here. */
  receive(connection: FakeConnection, event: string, payload: unknown): void {
    if (this.#connection === connection) this.#dispatch(event, copy(payload));
  }

  /** Calls back with an ack of a connection, unless it has ended here. */
  acknowledged(connection: FakeConnection, acknowledge: (ack: unknown) => void, ack: unknown): void {
    if (this.#connection === connection) acknowledge(copy(ack));
  }

  closed(connection: FakeConnection, reason: string): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#dispatch('disconnect', reason);
  }

  #dispatch(event: string, ...args: unknown[]): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(...(args as never[]));
  }
}

/** What arrives at the other end of a wire: JSON, which shares no object with the sender. */
function copy(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
