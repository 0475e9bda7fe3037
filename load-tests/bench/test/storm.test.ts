import { expect } from 'chai';
import { runStorm } from '../src/storm/storm.ts';

describe('a storm of reconnects', () => {
  it('brings everybody of a killed gateway back in sync, and nothing is lost or told twice', async () => {
    const figures = await runStorm({ clients: 300, pairs: 5, perSecond: 40, calmSeconds: 1, env: {}, log: () => {} });
    expect(figures).to.deep.include({ clients: 300, lost: 0, duplicates: 0, wrongBadges: 0 });
    // Bystanders of a busy machine may be told to wait.
    expect(Object.keys(figures.notAcknowledged)).to.satisfy((codes: string[]) =>
      codes.every((code) => code === 'OVERLOADED'),
    );
    expect(figures.sentToCrowd).to.be.greaterThan(60);
    expect(figures.attempts).to.be.at.least(300);
    expect(figures.postgresConnections).to.be.within(1, 5);
    expect(figures.bystanders.during.messages).to.be.greaterThan(0);
    // Sane, no more: stock clients begin to come back after half a second.
    expect(figures.inSync.max).to.be.within(500, 30_000);
    for (const { ack, delivery } of Object.values(figures.bystanders)) {
      expect(ack.max).to.be.lessThan(15_000);
      expect(delivery.max).to.be.lessThan(15_000);
    }
  });
});
