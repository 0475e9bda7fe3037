/** Messages per second at a time, in seconds from the start. */
export type Rate = (seconds: number) => number;

export interface ArrivalOptions {
  rate: Rate;
  /** End of the arrivals, in seconds (exclusive). */
  until: number;
  /** True: evenly spaced, 1/rate apart. False: random (Poisson), as messages of many independent users are. */
  even: boolean;
  /** Position of the first even arrival in its interval, 0 to 1. */
  phase: number;
  /** Returns a number from 0 (inclusive) to 1 (exclusive). */
  random(): number;
}

/** The rate counts as constant for this time, in seconds. */
const STEP = 0.001;

/**
 * The times at which messages are due, in seconds from the start, independent of earlier messages: an open loop. Each
 * arrival takes a share of the area under the rate: 1 when even, exponentially distributed when random.
 */
export function* arrivals({ rate, until, even, phase, random }: ArrivalOptions): Generator<number> {
  let at = 0;
  let area = even ? phase : exponential(random);
  for (;;) {
    while (area > 0) {
      if (at >= until) return;
      const current = rate(at);
      if (current * STEP >= area) {
        at += area / current;
        break;
      }
      area -= current * STEP;
      at += STEP;
    }
    if (at >= until) return;
    yield at;
    area = even ? 1 : exponential(random);
  }
}

function exponential(random: () => number): number {
  return -Math.log(1 - random());
}
