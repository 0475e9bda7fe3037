import type { ConversationId } from '@chat-cluster/contracts';
import type { DirtyBadge } from '@chat-cluster/domain';
import type { LaneHold } from './lane-lease.ts';

/** Processes the batches of a lane: `createInboxProcessor` and `createRecountProcessor` in services/worker. */
export interface LaneProcessor<Batch> {
  /**
   * Processes `batch` and the batches `behind` it, in order, as one run. A batch may come twice. If it rejects, the
   * batch is given up and the lane continues; a `LaneLeft` leaves the batch to another worker. Work that may succeed
   * later must be repeated inside: the lane waits, and the lock is renewed meanwhile.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a run that leaves nothing to be done returns nothing.
  process(batch: Batch, hold: LaneHold, behind: Batch[]): Promise<Outcome | void>;
  /**
   * The problem of JSON that is no batch, without its content; undefined for a batch. What is no batch is given up at
   * once. Absent: all JSON is a batch.
   */
  problemOf?(data: unknown): string | undefined;
  /** Which batches may be in one run. Absent: one batch at a time. */
  join?: JoinRule<Batch>;
}

export interface JoinRule<Batch> {
  /** The weight that a batch adds to a run; undefined for a batch that must be processed alone. */
  weigh(batch: Batch): number | undefined;
  /** Largest weight of one run. */
  maxWeight: number;
}

/** What remains to be done after a run. */
export interface Outcome {
  /** The emits and replies, already in progress. Never rejects. Until then the next run does not start. */
  published: Promise<unknown>;
  /** Badges to recount. They are requested in the step that deletes the batch, so neither happens without the other. */
  badges: readonly DirtyBadge[];
  /** Groups whose connected members need a recount soon; requested in the same step. */
  groups?: readonly ConversationId[];
}
