import { type Counts, noCounts } from './counts.ts';

/**
 * `acks`, `deliveries`: from the due time of a message to its ack, and until the other user's device holds it.
 * `recoveries`: from a lost connection until the device is connected and in sync again. `lateness`: from the due time
 * of a message until it is sent, which is the generator's own share of the first two.
 */
export const LATENCY_KINDS = ['acks', 'deliveries', 'recoveries', 'lateness'] as const;
export type LatencyKind = (typeof LATENCY_KINDS)[number];

/** Latencies since the last `take`, in whole microseconds. */
export type Latencies = Record<LatencyKind, Uint32Array>;

/** Longest latency that fits a Uint32Array, in microseconds: 71 minutes. */
const LONGEST_US = 2 ** 32 - 1;

/** Counts and latencies of one generator process. It passes every latency on, so that merging processes stays exact. */
export class Meter {
  readonly counts: Counts = noCounts();
  /** Open connections, and messages without an ack. */
  connected = 0;
  inFlight = 0;
  /** Start of the measured time (performance.now()). Latencies that begin earlier are warm-up and dropped. */
  measureFrom = Number.POSITIVE_INFINITY;
  #times: Record<LatencyKind, number[]> = { acks: [], deliveries: [], recoveries: [], lateness: [] };

  record(kind: LatencyKind, since: number, now = performance.now()): void {
    if (since < this.measureFrom) return;
    this.#times[kind].push(Math.min(LONGEST_US, Math.max(1, Math.round((now - since) * 1_000))));
  }

  take(): Latencies {
    const taken = Object.fromEntries(LATENCY_KINDS.map((kind) => [kind, Uint32Array.from(this.#times[kind])]));
    for (const kind of LATENCY_KINDS) this.#times[kind] = [];
    return taken as unknown as Latencies;
  }
}
