import { expect } from 'chai';
import type { Sample } from '../src/scale/measure.ts';
import { parseScaleOptions } from '../src/scale/options.ts';
import { runScale } from '../src/scale/scale.ts';

describe('scale', () => {
  it('measures what messages cost on a cluster of two gateways', async () => {
    const small = '--gateways 2 --users 8 --rate 50 --rounds 1 --seconds 1 --warm-up 100 --background 1'.split(' ');
    const report = await runScale({ ...parseScaleOptions(small), adapters: ['sharded'] }, () => {});
    const { samples } = report.figures as { samples: Sample[] };

    expect(samples.map(({ adapter, gateways }) => `${adapter} ${gateways}`)).to.deep.equal(['sharded 2']);
    for (const sample of samples) {
      expect(sample).to.include({ messages: 50, lost: 0, duplicated: 0, reordered: 0, refused: 0 });
      // Two new_message, and at most one badge: recounts of one user coalesce.
      expect(sample.published).to.be.within(2, 3);
      expect(sample.batchEntries).to.be.within(1, 50);
      expect(sample.ack.p50).to.be.within(0.1, 2_000);
      expect(sample.delivery.p99).to.be.at.least(sample.delivery.p50);
      for (const kind of ['postgres', 'redis', 'gateways', 'workers'] as const) {
        expect(sample.cpu[kind], kind).to.be.within(10, 100_000);
      }
      const { postgres, redis, gateways, workers, sum } = sample.cpu;
      expect(sum).to.be.closeTo(postgres + redis + gateways + workers, 0.001);
      expect(sample.net.sum).to.be.within(1, sum);
      expect(sample.background.sum).to.be.within(0, 2_000);
    }
    expect(report.verdicts.map(({ text }) => text)).to.include.members([
      '0 messages lost, duplicated, out of order or refused in all rounds',
    ]);
  });
});
