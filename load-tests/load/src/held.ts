/** The seqs of one conversation that a device holds: 1 to `upTo`, and those beyond a hole. */
export class Held {
  upTo = 0;
  readonly ahead = new Set<number>();

  /** False when it was there already. */
  add(seq: number): boolean {
    if (seq <= this.upTo || this.ahead.has(seq)) return false;
    if (seq !== this.upTo + 1) this.ahead.add(seq);
    else for (this.upTo++; this.ahead.delete(this.upTo + 1); ) this.upTo++;
    return true;
  }
}

/** The seqs that came live on one connection: all from the first to the newest, but for `missing`. */
export class Live {
  #first = 0;
  #newest = 0;
  readonly #missing = new Set<number>();

  /** `repeated`: came before, here. `late`: a newer one came before it. */
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
