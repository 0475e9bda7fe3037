// @ts-check

/**
 * @typedef {{ name: string, seconds: number, from: number, to: number }} Phase a period in which the rate changes
 *   linearly `from` one number of messages per second `to` another.
 * @typedef {{ at: number, phase: string }} Arrival `at`: milliseconds since the first phase began.
 */

/**
 * The times at which messages are due. They do not depend on answers to earlier messages: a cluster that stalls gets
 * the same load, and the stall shows in the latencies (no coordinated omission).
 *
 * `share`: the share of the rate in this schedule. With `random`, intervals are random, as from many independent users
 * (Poisson). Without it they are even, and the first arrival is at `offset` (0 to 1) of an interval, so that several
 * schedules alternate.
 *
 * @param {readonly Phase[]} phases
 * @param {{ share: number, offset?: number, random?: (() => number) | undefined }} options
 * @returns {Generator<Arrival, void>}
 */
export function* schedule(phases, { share, offset = 0, random }) {
  const interval = () => (random ? -Math.log(1 - random()) : 1);
  // The next message is due when this number of messages has come since the phase began.
  let due = random ? interval() : offset;
  let begin = 0;
  for (const { name, seconds, from, to } of phases) {
    const count = ((share * (from + to)) / 2) * seconds;
    while (due < count) {
      yield { at: begin + 1000 * secondsUntil(due, share * from, share * to, seconds), phase: name };
      due += interval();
    }
    due -= count;
    begin += seconds * 1000;
  }
}

/**
 * The time when `due` messages have come: the t with from·t + (to-from)·t²/(2·seconds) = due.
 *
 * @param {number} due
 * @param {number} from
 * @param {number} to
 * @param {number} seconds
 */
function secondsUntil(due, from, to, seconds) {
  const slope = (to - from) / seconds;
  if (slope === 0) return due / from;
  return (Math.sqrt(Math.max(0, from * from + 2 * slope * due)) - from) / slope;
}
