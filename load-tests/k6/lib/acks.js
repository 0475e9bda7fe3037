// @ts-check

/**
 * @typedef {'timeout' | 'disconnected'} AckError no answer in time, or the connection ended before it
 * @typedef {(error: AckError | undefined, answer: unknown) => void} OnAnswer called exactly once
 */

/** The acks that a client waits for, each for `timeoutMs`. All share one timer, because there are thousands. */
export class Acks {
  #timeoutMs;
  #now;
  #nextId = 0;
  /** @type {Map<number, { dueAt: number, onAnswer: OnAnswer }>} in the order of `dueAt` */
  #waiting = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {number} timeoutMs
   * @param {() => number} now
   */
  constructor(timeoutMs, now) {
    this.#timeoutMs = timeoutMs;
    this.#now = now;
  }

  /** Returns the id to send with the event. */
  expect(/** @type {OnAnswer} */ onAnswer) {
    const id = this.#nextId++;
    this.#waiting.set(id, { dueAt: this.#now() + this.#timeoutMs, onAnswer });
    if (this.#timer === undefined) this.#startTimer(this.#timeoutMs);
    return id;
  }

  /** An answer that comes after its timeout is dropped. */
  answered(/** @type {number} */ id, /** @type {unknown} */ answer) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (waiting) waiting.onAnswer(undefined, answer);
  }

  /** The connection ended: no further answer can come. */
  disconnected() {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { onAnswer } of waiting) onAnswer('disconnected', undefined);
  }

  #startTimer(/** @type {number} */ ms) {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const now = this.#now();
      for (const [id, { dueAt, onAnswer }] of this.#waiting) {
        if (dueAt > now) {
          if (this.#timer === undefined) this.#startTimer(dueAt - now);
          return;
        }
        this.#waiting.delete(id);
        onAnswer('timeout', undefined);
      }
    }, ms);
  }
}
