import type { ConnectionEvents, SocketIoConnection } from './socket-io-connection.ts';

/** Opens a connection. Called for each attempt. */
export type OpenConnection = (events: ConnectionEvents) => SocketIoConnection;

/** Callbacks of a reconnecting client. */
export interface ReconnectingClientEvents {
  event(name: string, payload: never): void;
  /** A connection or an attempt ended. The arguments are those of `closed` of a connection. */
  lost(refusal: string | undefined, error: Error | undefined): void;
}

/** Back-off of a stock client: 1 s, doubled up to 5 s, each 50 % shorter to longer. An attempt may take 20 s. */
const BACK_OFF = { firstMs: 1_000, longestMs: 5_000, jitter: 0.5, attemptMs: 20_000 };

/** Connections one after another: connects with the back-off of a stock client whenever the connection is lost. */
export class ReconnectingClient {
  #open: OpenConnection;
  #events: ReconnectingClientEvents;
  #client: SocketIoConnection | undefined;
  #connected = false;
  #closed = false;
  #failures = 0;
  /** The time-out of an attempt, or the pause before the next one. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(open: OpenConnection, events: ReconnectingClientEvents) {
    this.#open = open;
    this.#events = events;
  }

  /** The connection, once the server has accepted it. */
  get connection(): SocketIoConnection | undefined {
    return this.#connected ? this.#client : undefined;
  }

  connect(): void {
    const client = this.#open({
      connected: () => this.#opened(),
      event: (name, payload) => this.#events.event(name, payload),
      closed: (refusal, error) => this.#lost(refusal, error),
    });
    this.#client = client;
    this.#timer = setTimeout(() => client.close(), BACK_OFF.attemptMs);
  }

  /** Loses the connection, as in a network failure. */
  drop(): void {
    this.#client?.close();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#client?.close();
  }

  #opened(): void {
    clearTimeout(this.#timer);
    this.#connected = true;
    this.#failures = 0;
  }

  #lost(refusal: string | undefined, error: Error | undefined): void {
    clearTimeout(this.#timer);
    this.#connected = false;
    this.#events.lost(refusal, error);
    if (this.#closed) return;
    const jitter = 1 - BACK_OFF.jitter + 2 * BACK_OFF.jitter * Math.random();
    const pause = BACK_OFF.firstMs * 2 ** Math.min(this.#failures++, 10) * jitter;
    this.#timer = setTimeout(() => this.connect(), Math.min(BACK_OFF.longestMs, pause));
  }
}
