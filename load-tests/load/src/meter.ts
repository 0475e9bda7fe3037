import { type Counts, noCounts } from './counts.ts';

/** Times since the last `take`, in whole microseconds. */
export interface Latencies {
  /** From the intended send time to the ack. */
  acks: Uint32Array;
  /** From the intended send time until the other user's device holds the message. */
  deliveries: Uint32Array;
  /** From a lost connection until the device is connected again and in sync. */
  recoveries: Uint32Array;
  /** From the intended send time until it was really sent: what the generator itself adds to all of the above. */
  lateness: Uint32Array;
}

const KINDS = ['acks', 'deliveries', 'recoveries', 'lateness'] as const;
/** 71 minutes: the longest that fits. */
const LONGEST_US = 2 ** 32 - 1;

/** What one generator process sees. Single latencies are handed on as they are, so that merging them is exact. */
export class Meter {
  readonly counts: Counts = noCounts();
  /** Connections that stand now, and messages without an ack. */
  connected = 0;
  inFlight = 0;
  /** Latencies of what was to be sent earlier are warm-up, and not kept. On the clock of performance.now(). */
  measureFrom = Number.POSITIVE_INFINITY;
  #times: Record<keyof Latencies, number[]> = { acks: [], deliveries: [], recoveries: [], lateness: [] };

  record(kind: keyof Latencies, since: number, now = performance.now()): void {
    if (since < this.measureFrom) return;
    this.#times[kind].push(Math.min(LONGEST_US, Math.max(1, Math.round((now - since) * 1_000))));
  }

  take(): Latencies {
    const taken = Object.fromEntries(KINDS.map((kind) => [kind, Uint32Array.from(this.#times[kind])]));
    for (const kind of KINDS) this.#times[kind] = [];
    return taken as unknown as Latencies;
  }
}
