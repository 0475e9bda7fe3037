import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { temporaryFolder } from '@chat-cluster/testkit';
import { lineChart } from '@chat-cluster/testkit/report';
import { expect } from 'chai';
import { defineExperiment, someOf } from '../src/experiment.ts';
import { PAIRS_OPTIONS } from '../src/experiments/pairs.ts';
import { EXPERIMENTS } from '../src/experiments.ts';
import type { Report } from '../src/results/report.ts';
import { saveReport } from '../src/results/save.ts';

const CHART = lineChart('cpu', 'CPU', 'gateways', 'µs', []);
const REPORT: Report = {
  title: 'What it costs',
  method: 'Measured.',
  figures: { cpu: 1 / 3 },
  tables: [{ caption: 'CPU', columns: ['adapter', 'µs'], rows: [['sharded', 12]] }],
  charts: [CHART],
  verdicts: [{ text: 'too much', ok: false }],
};

describe('an experiment', () => {
  let given: unknown;
  const options = PAIRS_OPTIONS.extend({ arms: someOf(['a', 'b', 'c']).describe('arms') });
  const run = async (values: unknown) => {
    given = values;
    return REPORT;
  };
  const experiment = defineExperiment({ name: 'test', about: '', help: '', options, run });

  it('parses its options, with their defaults', async () => {
    const outcome = await experiment.run(['--in-flight', '50', '--seconds=2', '--arms', 'c,a', '--save'], () => {});
    expect(given).to.deep.include({ inFlight: 50, seconds: 2, warmUp: 3, pairs: 100, rate: 0, arms: ['a', 'c'] });
    expect(outcome).to.deep.equal({ report: REPORT, save: true });
    expect(await experiment.run(['--help'], () => {})).to.equal(undefined);
  });

  for (const args of [
    ['--rate', 'fast'],
    ['--pairs', '0'],
    ['--size', '1,2'],
    ['--arms', 'd'],
    ['--speed', '1'],
  ]) {
    it(`refuses ${args.join(' ')}`, async () => {
      const error = await experiment.run(args, () => {}).catch((reason) => reason);
      expect(error).to.be.instanceOf(UserError);
    });
  }

  for (const { name, help } of EXPERIMENTS) {
    it(`describes all options of ${name}`, () => {
      expect(help).to.include(`npm run bench -- ${name} [options]:`).and.include('--save').and.not.include('undefined');
    });
  }
});

describe('a saved report', () => {
  const temporary = temporaryFolder();
  const folder = temporary.path;
  after(() => temporary[Symbol.asyncDispose]());

  it('has figures, a page with its command, charts, and a line in the index', async () => {
    await saveReport('scale', ['--rate', '5', '--save'], REPORT, folder);
    const read = (file: string) => readFileSync(join(folder, file), 'utf8');
    const { command, machine, figures } = JSON.parse(read('scale.json'));
    expect(command).to.equal('npm run bench -- scale --rate 5');
    expect(figures).to.deep.equal({ cpu: 0.3333 });
    expect(machine).to.have.all.keys('cpu', 'cores', 'memoryGb', 'kernel', 'node', 'redis', 'postgres', 'commit');
    expect(read('scale.md')).to.include('| sharded | 12 |').and.include(command).and.include('(scale-cpu.svg)');
    expect(read('README.md')).to.include('[What it costs](scale.md)').and.include('1 missed');
  });

  it('replaces the charts of an earlier one', async () => {
    await saveReport('scale', [], { ...REPORT, charts: [{ ...CHART, name: 'parts' }] }, folder);
    expect(readdirSync(folder).filter((file) => file.endsWith('.svg'))).to.deep.equal(['scale-parts.svg']);
  });

  it('of a variant has files of its own', async () => {
    await saveReport('scale', ['--groups', '1'], { ...REPORT, variant: 'groups' }, folder);
    await saveReport('scale', [], REPORT, folder);
    expect(
      readdirSync(folder)
        .filter((file) => file.startsWith('scale'))
        .sort(),
    ).to.deep.equal([
      ...['scale-cpu.svg', 'scale-groups-cpu.svg', 'scale-groups.json', 'scale-groups.md', 'scale.json', 'scale.md'],
    ]);
    expect(readFileSync(join(folder, 'scale-groups.md'), 'utf8')).to.include('bench -- scale --groups 1');
  });
});
