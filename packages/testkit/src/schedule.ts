/** A period in which the rate changes linearly `from` one number of messages per second `to` another. */
export interface Phase {
  name: string;
  seconds: number;
  from: number;
  to: number;
}

export interface ScheduleOptions {
  /** Share of the rate in this schedule, 0 to 1. */
  share?: number;
  /**
   * Returns a number from 0 (inclusive) to 1 (exclusive): intervals are random, as from many independent users
   * (Poisson). Default: they are even.
   */
  random?: (() => number) | undefined;
  /** Position of the first even arrival in its interval, 0 to 1, so that several schedules alternate. */
  offset?: number;
}

/**
 * The times at which messages are due, in ms since the first phase began. They do not depend on answers to earlier
 * messages: a cluster that stalls gets the same load, and the stall shows in the latencies (no coordinated omission).
 */
export function* schedule(
  phases: readonly Phase[],
  { share = 1, random, offset = 0 }: ScheduleOptions,
): Generator<{ at: number; phase: string }, void> {
  const interval = () => (random ? -Math.log(1 - random()) : 1);
  // The next message is due when this number of messages has come since the phase began.
  let due = random ? interval() : offset;
  let begin = 0;
  for (const { name, seconds, from, to } of phases) {
    const count = ((share * (from + to)) / 2) * seconds;
    while (due < count) {
      yield { at: begin + 1_000 * secondsUntil(due, share * from, share * to, seconds), phase: name };
      due += interval();
    }
    due -= count;
    begin += seconds * 1_000;
  }
}

/** The time when `due` messages have come: the t with from·t + (to-from)·t²/(2·seconds) = due. */
function secondsUntil(due: number, from: number, to: number, seconds: number): number {
  const slope = (to - from) / seconds;
  if (slope === 0) return due / from;
  return (Math.sqrt(Math.max(0, from * from + 2 * slope * due)) - from) / slope;
}
