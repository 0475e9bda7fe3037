/** Checks the delivered mark of one participant: the store has every mark that its device has an ack of. */
export class DeliveredMarkCheck {
  /** The last answer to sync had a lower mark. */
  isLost = false;
  #acked = 0;
  /** The acknowledged mark when the last sync was requested: its answer may be older than a later one. */
  #ackedBeforeSync = 0;

  acknowledge(upToSeq: number): void {
    this.#acked = Math.max(this.#acked, upToSeq);
  }

  syncRequested(): void {
    this.#ackedBeforeSync = this.#acked;
  }

  /** `upToSeq`: the mark of the store, or the read mark, which implies it. Lost messages are counted elsewhere. */
  synced(upToSeq: number, lastSeq: number): void {
    this.isLost = upToSeq < Math.min(this.#ackedBeforeSync, lastSeq);
  }
}
