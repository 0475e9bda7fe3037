// @ts-check

/**
 * The messages of one conversation that one device has received, by `seq`: 1, 2, 3 … without a gap, as the cluster
 * promises. A message comes as an event or in the answer to `sync`, or as both where these overlap.
 */
export class SeqWindow {
  /** Every message up to this seq was received. */
  upTo = 0;
  /** Seqs received beyond a gap. @type {Set<number>} */
  #beyond = new Set();
  #syncedUpTo = 0;
  /** Highest seq of the events of this connection. */
  #newest = 0;

  /**
   * Adds the seq of an event. `repeated`: it came before on this connection, and not by `sync`. `late`: a higher `seq`
   * came before it. `gap`: an earlier message is missing.
   *
   * @returns {{ isNew: boolean, repeated: boolean, late: boolean, gap: boolean }}
   */
  event(/** @type {number} */ seq) {
    const isNew = this.#add(seq);
    const late = isNew && seq < this.#newest;
    this.#newest = Math.max(this.#newest, seq);
    return { isNew, repeated: !isNew && seq > this.#syncedUpTo, late, gap: isNew && seq > this.upTo };
  }

  /** Adds the seq of a message in an answer to `sync`. Returns true when it is new. */
  synced(/** @type {number} */ seq) {
    this.#syncedUpTo = Math.max(this.#syncedUpTo, seq);
    return this.#add(seq);
  }

  /** Order and uniqueness are promised within a connection only: after a quick reconnect an event may come again. */
  reconnected() {
    this.#newest = 0;
    this.#syncedUpTo = Math.max(this.#syncedUpTo, this.upTo, ...this.#beyond);
  }

  #add(/** @type {number} */ seq) {
    if (seq <= this.upTo || this.#beyond.has(seq)) return false;
    this.#beyond.add(seq);
    while (this.#beyond.delete(this.upTo + 1)) this.upTo++;
    return true;
  }
}
