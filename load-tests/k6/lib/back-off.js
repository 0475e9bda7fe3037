// @ts-check

/** The reconnection delays of a stock socket.io-client, in ms, and their randomization factor. */
const FIRST_MS = 1000;
const LONGEST_MS = 5000;
const JITTER = 0.5;

/**
 * The pause of a stock client before it reconnects, in milliseconds: 1 s, 2 s, 4 s, then 5 s, each up to 50 % shorter
 * or longer, but at most 5 s. `attempt` counts from 0.
 *
 * @param {number} attempt
 * @param {() => number} [random] from 0 up to 1
 */
export function backOff(attempt, random = Math.random) {
  const jitter = 1 + (random() * 2 - 1) * JITTER;
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10) * jitter);
}
