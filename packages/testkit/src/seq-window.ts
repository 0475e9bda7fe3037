/** The seqs of one conversation that a device holds: 1 to `upTo`, and further ones beyond a gap. */
export class SeqWindow {
  upTo = 0;
  readonly #beyond = new Set<number>();

  /** Returns false when the seq is held already. */
  add(seq: number): boolean {
    if (seq <= this.upTo || this.#beyond.has(seq)) return false;
    if (seq !== this.upTo + 1) this.#beyond.add(seq);
    else for (this.upTo++; this.#beyond.delete(this.upTo + 1); ) this.upTo++;
    return true;
  }

  /** Forgets everything beyond `upTo`: the messages up to it are held. */
  restart(upTo: number): void {
    this.upTo = upTo;
    this.#beyond.clear();
  }

  get hasGap(): boolean {
    return this.#beyond.size > 0;
  }

  get newest(): number {
    return Math.max(this.upTo, ...this.#beyond);
  }
}

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
