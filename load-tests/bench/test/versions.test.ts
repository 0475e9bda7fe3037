import { repository } from '@chat-cluster/local-cluster';
import { expect } from 'chai';
import { measureVersions, reportVersions, spread, VERSIONS_OPTIONS } from '../src/experiments/versions.ts';

describe('versions', () => {
  it('measures two versions in turn, each on a cluster of its own', async () => {
    const options = VERSIONS_OPTIONS.parse({ pairs: '1', seconds: '1', warmUp: '0', inFlight: '20', users: '4' });
    const lines: string[] = [];
    const wanted: string[] = [];
    const measured = await measureVersions(
      options,
      (line) => lines.push(line),
      async (commit) => {
        wanted.push(commit);
        return { commit: '0123456789abcdef', folder: repository };
      },
    );
    expect(wanted).to.deep.equal(['HEAD']);
    const { pairs } = measured;
    expect(pairs).to.have.length(1);
    for (const { before, after } of pairs) {
      for (const run of [before, after]) {
        expect(run).to.include({ refused: 0, lost: 0, duplicated: 0, reordered: 0 });
        expect(run.sent).to.be.above(20);
      }
    }
    expect(lines.filter((line) => line.startsWith('pair '))).to.have.length(1);
    const [ratios, runs] = reportVersions(options, measured).tables;
    const [ratio = expect.fail()] = pairs.map(
      ({ before, after }) => after.deliveredPerSecond / before.deliveredPerSecond,
    );
    const text = ratio.toFixed(3);
    expect(ratios?.rows[0]).to.deep.equal(['messages delivered', text, `${text} to ${text}`]);
    expect(runs?.rows.map(([version]) => version)).to.deep.equal(['0123456789', 'this checkout']);
  });

  it('has a target for the median of the ratios', async () => {
    const run = (deliveredPerSecond: number) => ({
      deliveredPerSecond,
      ...{
        delivery: { p50: 1, p99: 2, max: 3 },
        cpu: { postgres: 1, redis: 1, gateways: 1, workers: 1, generator: 1 },
      },
      ...{ sent: 100, lost: 0, refused: 0, refusedBy: {}, duplicated: 0, reordered: 0, timeline: [] },
    });
    const verdictOf = (after: number, least: string, rate = '0') => {
      const pairs = [90, after, 120].map((speed) => ({ before: run(100), after: run(speed) }));
      return reportVersions(VERSIONS_OPTIONS.parse({ least, rate }), { commit: 'abc', pairs }).verdicts[1];
    };
    expect(verdictOf(96, '95')).to.deep.equal({
      ok: true,
      text: '0.960 × the messages of abc (target: at least 0.95 ×)',
    });
    expect(verdictOf(94, '95')).to.include({ ok: false });
    expect(verdictOf(94, '90')).to.include({ ok: true });
    expect(verdictOf(94, '95', '500')).to.deep.equal({
      ok: true,
      text: '1.000 × the CPU per message of abc (target: at most 1.05 ×)',
    });
  });

  it('states the interval of a median', () => {
    const upTo = (n: number) => Array.from({ length: n }, (_, i) => n - i);
    // From tables of the sign test: with 6 figures the range, with 20 the 6th to the 15th, with 50 the 18th to the 33rd.
    expect(spread(upTo(5))).to.deep.equal({ median: 3, from: 1, to: 5 });
    expect(spread(upTo(6))).to.deep.equal({ median: 3.5, from: 1, to: 6 });
    expect(spread(upTo(9))).to.deep.equal({ median: 5, from: 2, to: 8 });
    expect(spread(upTo(20))).to.deep.equal({ median: 10.5, from: 6, to: 15 });
    expect(spread(upTo(50))).to.deep.equal({ median: 25.5, from: 18, to: 33 });
  });
});
