import type { PlainClient, RedisClient } from './connection.ts';

/**
 * A connection of its own, for commands that wait at the server, to wherever `client` leads. It connects with the first
 * command. Without an answer for SILENT_MS (connection.ts) it is made anew, so no command may wait for longer.
 */
export class BlockingClient {
  #client: RedisClient;
  #own: PlainClient | undefined;
  #closed = false;

  constructor(client: RedisClient) {
    this.#client = client;
  }

  /** Carries out `work`. Rejects when the connection breaks, or is cut, meanwhile. */
  async run<T>(work: (client: PlainClient) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error('the blocking connection is closed');
    const own = this.#own ?? this.#open();
    if (!own.isOpen) await own.connect();
    return work(own);
  }

  /** Ends the connection, and with it the command under way; the next one makes a new one. */
  cut(): void {
    const own = this.#own;
    this.#own = undefined;
    if (own?.isOpen) own.destroy();
  }

  close(): void {
    this.#closed = true;
    this.cut();
  }

  #open(): PlainClient {
    const own = this.#client.duplicate() as unknown as PlainClient;
    // Who waits on it hears of it.
    own.on('error', () => {});
    this.#own = own;
    return own;
  }
}
