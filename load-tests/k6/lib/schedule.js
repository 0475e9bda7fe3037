// @ts-check

/**
 * @typedef {{ name: string, seconds: number, from: number, to: number }} Phase a stretch of time in which the rate goes in
 *   a straight line `from` messages a second `to` another number of them.
 * @typedef {{ at: number, phase: string }} Arrival `at`: milliseconds since the first phase began.
 */

/**
 * The times at which messages are to be sent, by the clock alone: whether earlier ones were answered does not matter, so
 * a cluster that stands still gets its load all the same, and the wait shows in the latencies (no coordinated omission).
 *
 * `share` of the rate falls to this schedule. `random`: gaps are random, as those of many people are (Poisson arrivals);
 * without it they are even, and the first one is at `offset` gaps, from 0 to 1, so that several schedules take turns.
 *
 * @param {readonly Phase[]} phases
 * @param {{ share: number, offset?: number, random?: (() => number) | undefined }} options
 * @returns {Generator<Arrival, void>}
 */
export function* schedule(phases, { share, offset = 0, random }) {
  const gap = () => (random ? -Math.log(1 - random()) : 1);
  // In messages of this schedule since the phase began: the next one is due when so many are.
  let due = random ? gap() : offset;
  let begin = 0;
  for (const { name, seconds, from, to } of phases) {
    const count = ((share * (from + to)) / 2) * seconds;
    while (due < count) {
      yield { at: begin + 1000 * secondsUntil(due, share * from, share * to, seconds), phase: name };
      due += gap();
    }
    due -= count;
    begin += seconds * 1000;
  }
}

/**
 * When `due` messages have come: the t with from·t + (to-from)·t²/(2·seconds) = due.
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
