/** The events of one conversation on one connection: the seqs from the first to the newest, except missing ones. */
export class EventOrder {
  #first = 0;
  #newest = 0;
  readonly #missing = new Set<number>();

  /** `repeated`: the seq came before on this connection. `late`: a higher seq came before it. */
  add(seq: number): 'next' | 'late' | 'repeated' {
    if (this.#newest === 0) this.#first = seq;
    else for (let between = this.#newest + 1; between < seq; between++) this.#missing.add(between);
    const known = seq >= this.#first && seq <= this.#newest && !this.#missing.delete(seq);
    const late = seq < this.#newest;
    this.#newest = Math.max(this.#newest, seq);
    if (known) return 'repeated';
    return late ? 'late' : 'next';
  }
}
