/** For so many milliseconds a turn of the event loop takes in what clients send, when it is one of many that are late. */
const TURN_MS = 100;
/** For so many milliseconds a gateway may be late without refusing anything: a burst of a thousand events is no overload. */
const BURST_MS = 250;

/**
 * Sheds what comes steadily faster than this process can take it in. Where lanes are the bottleneck, they shed
 * (natural-batch.ts); where the gateway itself is, lanes never fill: requests wait in the buffers of their sockets, for as
 * long as a turn of the event loop takes, and each turn finds more of them than the one before. So once turns have been
 * late for BURST_MS, each has a budget, and what it finds beyond is refused, at a fraction of the cost. At twice the
 * sustainable rate acks took up to 8 s without it (`npm run bench -- overload`).
 */
export class TurnBudget {
  #began: number | undefined;
  #ended = 0;
  /** When the first of the turns began that were late one after the other. */
  #lateSince: number | undefined;

  /** To be asked before each event. True: it is one too many. */
  isSpent(): boolean {
    const now = performance.now();
    const began = this.#began ?? this.#begin(now);
    return now - began > TURN_MS && now - (this.#lateSince ?? began) > BURST_MS;
  }

  #begin(now: number): number {
    if (now - this.#ended > TURN_MS) this.#lateSince = undefined;
    this.#began = now;
    // After the reads of this turn.
    setImmediate(() => this.#end(now));
    return now;
  }

  #end(began: number): void {
    this.#began = undefined;
    this.#ended = performance.now();
    if (this.#ended - began > TURN_MS) this.#lateSince ??= began;
    else this.#lateSince = undefined;
  }
}
