import { type Counts, noCounts } from './counts.ts';

/**
 * `acks`, `deliveries`: from the due time of a message to its ack, and until the device of another user holds it;
 * `group 50`: deliveries in groups of 50. `changes`: from the request of an edit, a deletion or a reaction to its ack.
 * `recoveries`: from a lost connection until the device is connected and in sync again. `lateness`: from the due time
 * of a message until it is sent, which is the generator's own share of the first two.
 */
const LATENCY_KINDS = ['acks', 'deliveries', 'changes', 'recoveries', 'lateness'] as const;
export type LatencyKind = (typeof LATENCY_KINDS)[number] | `group ${number}`;

/** Latencies since the last `take`, in whole microseconds. */
export type Latencies = Record<(typeof LATENCY_KINDS)[number], Uint32Array> & Record<LatencyKind, Uint32Array>;

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
  readonly #times = new Map<LatencyKind, number[]>(LATENCY_KINDS.map((kind) => [kind, []]));

  record(kind: LatencyKind, since: number, now = performance.now()): void {
    if (since < this.measureFrom) return;
    const times = this.#times.get(kind) ?? [];
    times.push(Math.min(LONGEST_US, Math.max(1, Math.round((now - since) * 1_000))));
    this.#times.set(kind, times);
  }

  take(): Latencies {
    const taken = Object.fromEntries([...this.#times].map(([kind, times]) => [kind, Uint32Array.from(times)]));
    for (const kind of this.#times.keys()) this.#times.set(kind, []);
    return taken as Latencies;
  }
}
