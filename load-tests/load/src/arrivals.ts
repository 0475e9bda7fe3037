/** Messages a second at a time, in seconds from the start. */
export type Rate = (seconds: number) => number;

export interface ArrivalOptions {
  rate: Rate;
  /** The last arrival is before it, in seconds. */
  until: number;
  /** On a grid: one after each 1/rate. Else by chance (Poisson), as messages of many independent users come. */
  even: boolean;
  /** Of an even grid, how far into its first interval it begins: 0 to 1. */
  phase: number;
  /** From 0 to below 1. */
  random(): number;
}

/** While the rate changes, it is taken for constant for so long, in seconds. */
const STEP = 0.001;

/**
 * When messages are to be sent, in seconds from the start, whatever becomes of those before: an open loop. Each takes a
 * share of the area under the rate: 1 on a grid, an exponential one by chance.
 */
export function* arrivals({ rate, until, even, phase, random }: ArrivalOptions): Generator<number> {
  let at = 0;
  let area = even ? phase : exponential(random);
  for (;;) {
    while (area > 0) {
      if (at >= until) return;
      const now = rate(at);
      if (now * STEP >= area) {
        at += area / now;
        break;
      }
      area -= now * STEP;
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
