import type { PlainClient } from './client.ts';
import type { RedisClient } from './connection.ts';

/**
 * A connection of its own for blocking commands, to the same server as `client`. It connects with the first command. A
 * connection without an answer for SILENT_MS (client.ts) is replaced, so no command may block for longer.
 */
export class BlockingClient {
  #client: RedisClient;
  #own: PlainClient | undefined;
  #closed = false;

  constructor(client: RedisClient) {
    this.#client = client;
  }

  /** Runs `work`. Rejects when the connection is lost or cut meanwhile. */
  async run<T>(work: (client: PlainClient) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error('the blocking connection is closed');
    const own = this.#own ?? this.#open();
    if (!own.isOpen) await own.connect();
    return work(own);
  }

  /** Ends the connection and the command in progress. The next command opens a new connection. */
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
    // The command in progress rejects with the same error.
    own.on('error', () => {});
    this.#own = own;
    return own;
  }
}
