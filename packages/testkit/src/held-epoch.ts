/** The epoch of the messages that a device holds. */
export class HeldEpoch {
  #epoch: string | undefined;

  /**
   * Call it with the epoch of each `session` and each ack of `sync`. True: the device must discard its messages and load
   * them anew, and an ack is of no use. A gateway of an earlier version sends no epoch, which changes nothing.
   */
  enter(epoch: string | undefined): boolean {
    if (epoch === undefined) return false;
    const isOther = this.#epoch !== undefined && this.#epoch !== epoch;
    this.#epoch = epoch;
    return isOther;
  }
}
