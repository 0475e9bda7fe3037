// @ts-check

/**
 * What one device has heard of one conversation, by `seq`: 1, 2, 3 … without a hole, which is what the cluster promises.
 * A message comes as an event, or in the answer to `sync`, or as both where the two overlap.
 */
export class Hearing {
  /** Every message up to here was heard. */
  held = 0;
  /** Heard behind a hole. @type {Set<number>} */
  #ahead = new Set();
  #syncedUpTo = 0;
  /** The last event of this connection. */
  #newest = 0;

  /**
   * `again`: for the second time on this connection, and not because `sync` was faster. `late`: behind one with a higher
   * `seq`. `hole`: something before it was not heard yet.
   *
   * @returns {{ isNew: boolean, again: boolean, late: boolean, hole: boolean }}
   */
  event(/** @type {number} */ seq) {
    const isNew = this.#keep(seq);
    const late = isNew && seq < this.#newest;
    this.#newest = Math.max(this.#newest, seq);
    return { isNew, again: !isNew && seq > this.#syncedUpTo, late, hole: isNew && seq > this.held };
  }

  /** In the answer to `sync`. True when it was not heard before. */
  synced(/** @type {number} */ seq) {
    this.#syncedUpTo = Math.max(this.#syncedUpTo, seq);
    return this.#keep(seq);
  }

  /** Order, and once, are promised within a connection only: a device that was quick to come back may hear an event again. */
  reconnected() {
    this.#newest = 0;
    this.#syncedUpTo = Math.max(this.#syncedUpTo, this.held, ...this.#ahead);
  }

  #keep(/** @type {number} */ seq) {
    if (seq <= this.held || this.#ahead.has(seq)) return false;
    this.#ahead.add(seq);
    while (this.#ahead.delete(this.held + 1)) this.held++;
    return true;
  }
}
