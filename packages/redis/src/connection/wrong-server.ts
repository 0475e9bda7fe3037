import type { PlainClient } from './client.ts';
import { refusalOf, requirePrimary } from './refusal.ts';

/** Shortest time between two ends of a connection, in ms: 0.5 s, doubled each time up to this. */
const MAX_PAUSE_MS = 2_000;
/** Interval of the check of a duplicate, in ms. A duplicate may wait in a blocking command for 2 s. */
const DUPLICATE_CHECK_MS = 2_500;

/**
 * Ends a connection that leads to the wrong server, so that its client connects to the address again.
 *
 * When a managed Redis fails over behind one address, the address leads to the new primary, but the old one lives on
 * as a replica and keeps its connections: it answers PING, delivers nothing that is published at the new one, and
 * rejects writes. No error reaches a connection that only subscribes. So every connection asks for the role of its
 * server: `connectRedis` with each probe, and duplicates as `watchDuplicate` does.
 */
export class WrongServer {
  #client: PlainClient;
  #ends = 0;
  #endedAt = Number.NEGATIVE_INFINITY;

  constructor(client: PlainClient) {
    this.#client = client;
  }

  /** Ends the connection. Does nothing when the last end was a moment ago: the address may lead there for a while. */
  leave(): void {
    const pause = this.#ends === 0 ? 0 : Math.min(MAX_PAUSE_MS, 250 * 2 ** this.#ends);
    if (performance.now() - this.#endedAt < pause) return;
    this.#ends++;
    this.#endedAt = performance.now();
    // The server then closes the connection, and the client reconnects as after any loss, with its subscriptions.
    const lost = new AbortController();
    const onLost = () => lost.abort();
    this.#client.once('error', onLost);
    const done = () => void this.#client.off('error', onLost);
    // Aborted when the connection is lost before: a command that was not sent yet would end the next connection.
    this.#client.sendCommand(['QUIT'], { abortSignal: lost.signal }).then(done, done);
  }

  /** Call it when the connection leads to the right server. */
  arrived(): void {
    this.#ends = 0;
  }
}

/** Checks the server of a duplicate (BullMQ's and our blocking connections) on each connection and regularly. */
export function watchDuplicate(client: PlainClient): void {
  const wrongServer = new WrongServer(client);
  let timer: NodeJS.Timeout | undefined;
  let checking = false;
  const check = async () => {
    if (!client.isOpen) {
      clearInterval(timer);
      timer = undefined;
    }
    if (!client.isReady || checking) return;
    checking = true;
    await requirePrimary(client).then(
      () => wrongServer.arrived(),
      (error) => refusalOf(error)?.isWrongServer && wrongServer.leave(),
    );
    checking = false;
  };
  client.on('ready', () => {
    timer ??= setInterval(check, DUPLICATE_CHECK_MS).unref();
    void check();
  });
}
