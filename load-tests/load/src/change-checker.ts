import type { MessageChanged } from '@chat-cluster/contracts';
import type { Participant } from './conversation-state.ts';
import type { Meter } from './meter.ts';

/** Checks the changes of messages (edits, deletions, reactions) of one conversation, which are numbered 1, 2, 3 … */
export class ChangeChecker {
  readonly #participants: readonly Participant[];
  readonly #meter: Meter;
  /** The highest acknowledged number. */
  #last = 0;

  constructor(participants: readonly Participant[], meter: Meter) {
    this.#participants = participants;
    this.#meter = meter;
  }

  /** A change was acknowledged that was sent at `sentAt` (performance.now()). */
  acknowledge(rev: number, sentAt: number): void {
    this.#meter.counts.changes++;
    this.#meter.record('changes', sentAt);
    this.#last = Math.max(this.#last, rev);
  }

  /** A device receives an event. Returns false when a change before it is missing. */
  event(participant: Participant, { rev, covers = [] }: Pick<MessageChanged, 'rev' | 'covers'>): boolean {
    const { laterRevs } = participant;
    const isNew = (one: number) => one > participant.rev && !laterRevs.includes(one);
    const all = [...covers, rev].filter(isNew);
    if (participant.base !== undefined) this.#meter.counts.changesDelivered += all.length;
    this.#advance(participant, [...laterRevs, ...all]);
    return participant.laterRevs.length === 0;
  }

  /** An answer to sync contains all changes up to `lastRev`. */
  synced(participant: Participant, lastRev: number): void {
    const { rev, laterRevs, base } = participant;
    const missed = Math.max(0, lastRev - rev - laterRevs.filter((one) => one <= lastRev).length);
    // Those of the first sync are older than this run.
    if (base !== undefined) {
      this.#meter.counts.changesDelivered += missed;
      this.#meter.counts.bySync += missed;
    }
    participant.rev = Math.max(rev, lastRev);
    this.#advance(participant, laterRevs);
  }

  /** The store has another epoch, which assigns the numbers again. */
  restart(participant: Participant): void {
    participant.rev = 0;
    participant.laterRevs = [];
    this.#last = 0;
  }

  /** Acknowledged changes that the device does not have. */
  missing({ rev }: Participant): number {
    return Math.max(0, this.#last - rev);
  }

  get isComplete(): boolean {
    return this.#participants.every(({ rev }) => rev >= this.#last);
  }

  #advance(participant: Participant, laterRevs: readonly number[]): void {
    const sorted = laterRevs.filter((one) => one > participant.rev).sort((a, b) => a - b);
    while (sorted[0] === participant.rev + 1) participant.rev = sorted.shift() ?? participant.rev;
    participant.laterRevs = sorted;
  }
}
