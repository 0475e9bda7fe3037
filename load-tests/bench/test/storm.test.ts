import { expect } from 'chai';
import { measureStorm } from '../src/experiments/storm/measure.ts';

describe('a storm of reconnects', () => {
  it('brings all clients of a killed gateway back in sync; nothing is lost or received twice', async () => {
    const figures = await measureStorm({ clients: 300, pairs: 5, rate: 40, calm: 1, groups: 2 }, () => {});
    expect(figures).to.deep.include({ clients: 300, lost: 0, duplicates: 0, wrongBadges: 0, reordered: 0 });
    // On a busy machine the gateway may reject messages of bystanders.
    expect(figures.notAcknowledged).to.satisfy((codes: object) =>
      Object.keys(codes).every((code) => code === 'OVERLOADED'),
    );
    expect(figures.sentToCrowd).to.be.greaterThan(60);
    expect(figures.attempts).to.be.at.least(300);
    // The rooms of the clients, of the bystanders and of the groups, 50 clients each.
    expect(figures.channels).to.be.at.least(300 + 10 + 12);
    expect(figures.postgresConnections).to.be.within(1, 5);
    expect(figures.bystanders.during.messages).to.be.greaterThan(0);
    // A plausible range only: stock clients begin to reconnect after half a second.
    expect(figures.inSync.max).to.be.within(500, 30_000);
    for (const { ack, delivery } of Object.values(figures.bystanders)) {
      expect(ack.max).to.be.lessThan(15_000);
      expect(delivery.max).to.be.lessThan(15_000);
    }
  });
});
