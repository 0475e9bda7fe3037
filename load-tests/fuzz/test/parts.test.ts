import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { keptInputs, loadFinding, saveFinding } from '../src/findings.ts';
import { GENERATORS, inputsOf } from '../src/generators.ts';
import { CONVERSATION_ID, fillIn, SID, TOKEN } from '../src/input.ts';
import { readOptions } from '../src/options.ts';
import { MODES } from '../src/target.ts';

const ALL = Object.keys(GENERATORS);

describe('the inputs of the fuzzer', () => {
  it('are the same for the same seed, and others for another one', () => {
    const [first, second, other] = ['7', '7', '8'].map((seed) => inputsOf(seed, ALL).take(40).toArray());
    expect(first).to.deep.equal(second);
    expect(first?.map(({ steps }) => steps)).not.to.deep.equal(other?.map(({ steps }) => steps));
  });

  it('come from each generator at least once, and do not depend on the inputs before', () => {
    const inputs = inputsOf('7', ALL).take(ALL.length).toArray();
    expect(inputs.map(({ generator }) => generator)).to.deep.equal(ALL);
    for (const { steps } of inputs) expect(steps).not.to.deep.equal([]);
  });

  it('contain placeholders, which are replaced without a change of length', () => {
    const values = { [TOKEN]: 't'.repeat(200), [SID]: 's'.repeat(24), [CONVERSATION_ID]: 'c'.repeat(36) };
    const bytes = Buffer.from(`${TOKEN}|${SID}|é${TOKEN}`);
    expect(fillIn(bytes, values).toString()).to.equal(`${'t'.repeat(200)}|${'s'.repeat(24)}|é${'t'.repeat(200)}`);
    expect(() => fillIn(bytes, { [SID]: 'short' })).to.throw('differ in length');
  });
});

describe('a finding of the fuzzer', () => {
  it('is saved with its bytes and loaded again', async () => {
    await using folder = temporaryFolder();
    const inputs = inputsOf('7', ALL).take(ALL.length).toArray();
    const finding = { mode: 'multi' as const, seed: '7', problem: 'a process ended', inputs };
    expect(loadFinding(saveFinding(folder.path, finding))).to.deep.equal(finding);
  });

  it('that cannot be read is named', async () => {
    await using folder = temporaryFolder();
    const file = join(folder.path, 'bad.json');
    writeFileSync(file, '{');
    expect(() => loadFinding(file)).to.throw(`${file} is not a saved finding`);
  });

  it('that is kept has a generator', () => {
    for (const { generator } of keptInputs()) expect(ALL).to.include(generator);
  });
});

describe('the command line of fuzz', () => {
  it('runs both modes with all generators by default', () => {
    expect(readOptions([]))
      .to.deep.include({ minutes: 10, modes: MODES, generators: ALL })
      .and.not.have.property('replay');
    expect(readOptions(['--mode', 'multi', '--seed', '7', '--minutes', '0.5'])).to.deep.include({
      minutes: 0.5,
      modes: ['multi'],
      seed: '7',
    });
    expect(readOptions(['--each', '--time-factor', '4'])).to.deep.include({ each: true, minutes: 0.33, timeFactor: 4 });
    expect(readOptions(['--help'])).to.equal(undefined);
  });

  it('names the wrong argument', () => {
    expect(() => readOptions(['--only', 'wat'])).to.throw('There is no generator wat. Choose among oddHead');
    expect(() => readOptions(['--minutes', '0'])).to.throw('--minutes must be a number from 0.05');
    expect(() => readOptions(['--mode', 'both'])).to.throw('--mode');
  });

  it('is explained in the README', () => {
    const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
    for (const name of ALL) expect(readme).to.include(`\`${name}\``);
  });
});
