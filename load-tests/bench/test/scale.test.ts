import { expect } from 'chai';
import { measureScale, type Sample, SCALE_OPTIONS } from '../src/experiments/scale/measure.ts';
import { reportScale } from '../src/experiments/scale/report.ts';

describe('scale', () => {
  it('measures what messages cost on a cluster of two gateways', async () => {
    const defaults = SCALE_OPTIONS.parse({ adapters: 'sharded', gateways: '2' });
    const options = { ...defaults, users: 8, rate: 50, rounds: 1, seconds: 1, warmUp: 100, background: 1 };
    const samples = await measureScale(options, () => {});
    expect(samples.map(({ adapter, gateways }) => `${adapter} ${gateways}`)).to.deep.equal(['sharded 2']);
    for (const sample of samples) {
      expect(sample).to.include({ messages: 50, lost: 0, duplicated: 0, reordered: 0, refused: 0 });
      // Two new_message, and at most one badge: recounts of one user coalesce.
      expect(sample.published).to.be.within(2, 3);
      expect(sample.batchEntries).to.be.within(1, 50);
      expect(sample.ack.p50).to.be.within(0.1, 2_000);
      expect(sample.delivery.p99).to.be.at.least(sample.delivery.p50);
      const { sum, ...parts } = sample.cpu;
      for (const [kind, cpu] of Object.entries(parts)) expect(cpu, kind).to.be.within(10, 100_000);
      expect(sum).to.be.closeTo(parts.postgres + parts.redis + parts.gateways + parts.workers, 0.001);
      expect(sample.net.sum).to.be.within(1, sum);
      expect(sample.background.sum).to.be.within(0, 2_000);
    }
    const { verdicts } = reportScale(options, samples);
    expect(verdicts[0]?.text).to.equal('0 messages lost, duplicated, out of order or refused in all rounds');
  });

  it('sorts the numbers of gateways, and takes each once', () => {
    expect(SCALE_OPTIONS.parse({ gateways: '8,2,2' }).gateways).to.deep.equal([2, 8]);
    for (const gateways of ['0', 'many']) expect(SCALE_OPTIONS.safeParse({ gateways }).success).to.equal(false);
  });

  it('judges the growth of the CPU, unless the batches grew with it', () => {
    const verdictOf = (cpu: number, batchEntries: number) =>
      reportScale(SCALE_OPTIONS.parse({}), [sample(2, 1_000, 1.1), sample(8, cpu, batchEntries)]).verdicts[0];
    expect(verdictOf(1_200, 1.1)).to.include({ ok: true }).and.have.property('text').that.includes('1.20 times');
    expect(verdictOf(1_400, 1.1)).to.include({ ok: false });
    expect(verdictOf(600, 2)).to.include({ ok: false }).and.have.property('text').that.includes('void');
  });
});

/** A sample of the sharded adapter, with `sum` µs per message. */
function sample(gateways: number, sum: number, batchEntries: number): Sample {
  const cpu = { postgres: 0, redis: 0, gateways: sum, workers: 0, sum };
  const latency = { p50: 5, p99: 10, max: 20 };
  return {
    ...{ adapter: 'sharded' as const, gateways, round: 0, background: cpu, cpu, net: cpu, generatorCpu: 100 },
    ...{ published: 3, received: 3, useful: 3, batchEntries, messages: 2_000, deliveredPerSecond: 200 },
    ...{ ack: latency, delivery: latency, refused: 0, lost: 0, duplicated: 0, reordered: 0 },
  };
}
