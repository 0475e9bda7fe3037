import { expect } from 'chai';
import { cpuSeconds } from '../src/usage.ts';

describe('the CPU of processes', () => {
  it('is counted, and added up for the processes of one name', async () => {
    const until = process.cpuUsage().user + 100_000;
    while (process.cpuUsage().user < until);
    const { user, system } = process.cpuUsage();
    const self = { name: 'self', pid: process.pid };
    const { self: one = 0 } = await cpuSeconds([self]);
    const { self: two = 0 } = await cpuSeconds([self, self]);
    expect(one).to.be.at.least((user + system) / 1e6 - 0.05);
    expect(two).to.be.within(one * 1.9, one * 2.2);
  });
});
