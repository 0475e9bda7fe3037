import { expect } from 'chai';
import { allInputs } from '../src/findings.ts';
import { type FuzzReport, fuzz } from '../src/fuzz.ts';
import { GENERATORS } from '../src/generators.ts';
import { MODES, type Mode, startTarget } from '../src/target.ts';

const SEED = 'short';
/** Inputs of each mode: the kept ones, one of each generator, and random ones. */
const INPUTS = 40;
/** Longest time for them, in ms. */
const DURATION_MS = 60_000;
/** Other tests use the machine too. */
const TIME_FACTOR = 20;

/** The short form of `npm run fuzz`. Both modes run at once, because most of the time is spent waiting. */
describe('malformed traffic', () => {
  const generators = Object.keys(GENERATORS);
  let reports: Record<Mode, Promise<FuzzReport>>;

  before(async () => {
    reports = { single: run('single'), multi: run('multi') };
    await Promise.allSettled(Object.values(reports));
  });

  for (const mode of MODES) {
    it(`breaks no invariant (${mode})`, async () => {
      const { findings, sent, refused } = await reports[mode];
      expect(findings.map(({ problem, inputs }) => `${problem}, last input ${inputs.at(-1)?.id}`)).to.deep.equal([]);
      expect(sent - refused, 'inputs sent').to.be.greaterThan(generators.length);
    });
  }

  async function run(mode: Mode): Promise<FuzzReport> {
    await using target = await startTarget(mode);
    const inputs = allInputs(SEED, generators).take(INPUTS);
    return await fuzz(target, { seed: SEED, inputs, durationMs: DURATION_MS, timeFactor: TIME_FACTOR });
  }
});
