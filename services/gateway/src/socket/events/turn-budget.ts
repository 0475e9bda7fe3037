/** Time per event-loop turn in which events are accepted while overloaded, in ms. */
const TURN_MS = 100;
/** Time of consecutive late turns after which a gateway is overloaded, in ms. */
const OVERLOADED_MS = 1_000;
/** How long the overloaded state persists after the last late turn, in ms. */
const CALM_MS = 5_000;

/**
 * Sheds the events that this process cannot handle in a sustained overload. Where lanes are the bottleneck, lanes shed
 * (natural-batch.ts). Where the gateway is the bottleneck, lanes never fill: events wait in the buffers of their
 * sockets for a turn of the event loop, and each turn finds more than the last. So once turns have been late for
 * OVERLOADED_MS, each turn has a budget, and events beyond it are refused, at a fraction of their cost.
 * `npm run bench -- overload` shows the effect. OVERLOADED_MS is so long that a process which has just started, or got
 * no CPU for a moment, still accepts a burst of a thousand events (recovery.test.ts).
 */
export class TurnBudget {
  /** Start of the current turn, and end of the last one. */
  #began: number | undefined;
  #ended = 0;
  /** Start of the first of the consecutive late turns. */
  #lateSince: number | undefined;
  #overloadedUntil = 0;
  #clock: () => number;

  /** `clock` in ms. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Call before each event. True: the event is beyond the budget. */
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
    // Runs after the reads of this turn.
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
