/**
 * For so many milliseconds a turn of the event loop takes in what clients send; what it finds beyond is refused. Longer
 * than any burst that a gateway carries away (2,000 events take about 80 ms) and than a collection of garbage.
 */
const TURN_MS = 100;

/**
 * Sheds what comes faster than this process can take it in. Where lanes are the bottleneck, they shed (natural-batch.ts);
 * where the gateway itself is, lanes never fill: requests wait in the buffers of their sockets, for as long as a turn of
 * the event loop takes, and each turn finds more of them than the one before. So a turn has a budget, and a refusal costs
 * a fraction of what it refuses. At twice the sustainable rate acks took up to 8 s without it
 * (`npm run bench -- overload`).
 */
export class TurnBudget {
  #since: number | undefined;

  /** To be asked before each event; true when the turn has taken in events for long enough. */
  isSpent(): boolean {
    const now = performance.now();
    if (this.#since !== undefined) return now - this.#since > TURN_MS;
    this.#since = now;
    // After the reads of this turn.
    setImmediate(() => {
      this.#since = undefined;
    });
    return false;
  }
}
