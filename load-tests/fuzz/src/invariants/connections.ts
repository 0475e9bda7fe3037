import type { RawSocket } from '@chat-cluster/testkit/wire';
import type { Input } from '../input.ts';

/** Time in which a gateway must answer or close a connection, in ms. */
const LIMIT_MS = {
  /** A request with or without its end, or a session without a token: the limits of a gateway are 7 and 8 s. */
  unauthenticated: 12_000,
  /** A request whose body may be missing (the limit of a gateway is 30 s), or a poll (25 s). */
  request: 40_000,
  /** An authenticated socket that does not answer pings: 25 s and 20 s. */
  socket: 60_000,
  /** A request (above), and then an idle connection: 30 s in the clusters of the fuzzer. */
  answered: 75_000,
};
/** Received bytes that are kept for the decision what a connection is. */
const KEPT_BYTES = 4_096;
/** Connections beyond this number are closed, the oldest first, except for one of KEPT_EVERY. */
const MOST_CONNECTIONS = 1_500;
const KEPT_EVERY = 10;

interface Watched {
  input: Input;
  raw: RawSocket;
  since: number;
  received: string;
  waits: boolean;
  /** True: it stays open until it is closed by the gateway or exceeds its limit. */
  isKept: boolean;
}

/** Every connection of the fuzzer is answered or closed in bounded time. */
export class Connections {
  #watched = new Set<Watched>();
  #seen = 0;
  readonly #timeFactor: number;

  constructor(timeFactor: number) {
    this.#timeFactor = timeFactor;
  }

  watch(input: Input, raw: RawSocket): void {
    const isWebsocket = input.opens === 'websocket' || input.opens === 'authenticated';
    const received = input.opens === 'authenticated' ? '40{"sid"' : isWebsocket ? ' 101 ' : raw.received();
    const isKept = this.#seen++ % KEPT_EVERY === 0;
    const one: Watched = { input, raw, since: performance.now(), received, waits: mayWait(input), isKept };
    raw.socket.on('data', (chunk: Buffer) => {
      if (one.received.length < KEPT_BYTES) one.received += chunk.toString('latin1');
    });
    raw.socket.once('end', () => this.#forget(one)).once('close', () => this.#forget(one));
    if (raw.socket.destroyed || raw.socket.readableEnded) return;
    this.#watched.add(one);
    for (const oldest of this.#watched) {
      if (this.#watched.size <= MOST_CONNECTIONS) break;
      if (!oldest.isKept) this.#forget(oldest);
    }
  }

  /** The inputs whose connections exceed their limit, with what is wrong. They are not watched any more. */
  overdue(): { input: Input; problem: string }[] {
    const now = performance.now();
    return [...this.#watched].flatMap((one) => {
      const kind = kindOf(one);
      if (now - one.since < LIMIT_MS[kind] * this.#timeFactor) return [];
      this.#forget(one);
      // Without reads the end of a connection cannot be noticed.
      if (!one.input.reads) return [];
      const state = kind === 'answered' ? 'is still open after its answer' : 'is neither answered nor closed';
      const seconds = Math.round((now - one.since) / 1_000);
      return [
        { input: one.input, problem: `a connection (${kind}) of ${one.input.generator} ${state} (${seconds} s)` },
      ];
    });
  }

  /** Connections that must be closed soon. */
  get unauthenticated(): number {
    return [...this.#watched].filter((one) => one.input.reads && kindOf(one) === 'unauthenticated').length;
  }

  get count(): number {
    return this.#watched.size;
  }

  closeAll(): void {
    for (const one of this.#watched) this.#forget(one);
  }

  #forget(one: Watched): void {
    this.#watched.delete(one);
    one.raw.socket.destroy();
  }
}

function kindOf({ received, input, waits }: Watched): keyof typeof LIMIT_MS {
  if (received.includes('40{"sid"')) return 'socket';
  // An upgrade of a session that has authenticated over polling is complete after two frames.
  if (received.includes(' 101 ')) return input.opens === 'authenticated-polling' ? 'socket' : 'unauthenticated';
  if (/^HTTP\/1\.1 [2-5]/.test(received)) return 'answered';
  return waits ? 'request' : 'unauthenticated';
}

/** Whether a gateway may wait before its response: for the rest of a body, or as a poll. */
function mayWait({ opens, steps }: Input): boolean {
  const parts = steps.slice(0, 10).map((step) => ('write' in step ? step.write.toString('latin1', 0, KEPT_BYTES) : ''));
  const head = parts.join('');
  return /\n\r?\n/.test(head) && (opens !== 'tcp' || /content-length|transfer-encoding|expect:/i.test(head));
}
