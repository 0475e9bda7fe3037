/** For so many milliseconds a turn of the event loop takes in what clients send, while the gateway is overloaded. */
const TURN_MS = 100;
/** A gateway is overloaded when its turns have been late, one after the other, for so long. */
const OVERLOADED_MS = 1_000;
/** And for so long after the last moment of which that is true. */
const CALM_MS = 5_000;

/**
 * Sheds what comes steadily faster than this process can take it in. Where lanes are the bottleneck, they shed
 * (natural-batch.ts); where the gateway itself is, lanes never fill: requests wait in the buffers of their sockets, for as
 * long as a turn of the event loop takes, and each turn finds more of them than the one before. So once turns have been
 * late for OVERLOADED_MS, each has a budget, and what it finds beyond is refused, at a fraction of the cost. At twice the
 * sustainable rate acks took up to 8 s without it (`npm run bench -- overload`).
 *
 * A process that has just started, or got no CPU for a moment, is late too when a thousand events come at once, and is
 * not overloaded: with 250 ms in the place of the 1,000 it refused some of those in about 1 of 10 tries on a busy machine
 * (services/gateway/test/recovery.test.ts).
 */
export class TurnBudget {
  #began: number | undefined;
  #ended = 0;
  /** When the first of the turns began that were late one after the other. */
  #lateSince: number | undefined;
  #overloadedUntil = 0;
  #clock: () => number;

  /** `clock` in milliseconds. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** To be asked before each event. True: it is one too many. */
  isSpent(): boolean {
    const now = this.#clock();
    const began = this.#began ?? this.#begin(now);
    if (now - began <= TURN_MS) return false;
    if (now - (this.#lateSince ?? began) > OVERLOADED_MS) this.#overloadedUntil = now + CALM_MS;
    return now < this.#overloadedUntil;
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
    this.#ended = this.#clock();
    if (this.#ended - began > TURN_MS) this.#lateSince ??= began;
    else this.#lateSince = undefined;
  }
}
