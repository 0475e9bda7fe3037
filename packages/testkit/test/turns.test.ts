import { expect } from 'chai';
import { Turns } from '../src/turns.ts';

describe('a loop that is late', () => {
  it('lets the event loop turn now and then, and not for each step', async () => {
    const turns = new Turns();
    let elsewhere = 0;
    let steps = 0;
    const look = () => {
      elsewhere++;
      hearing = setImmediate(look);
    };
    let hearing = setImmediate(look);
    while (elsewhere < 3) {
      await turns.give();
      steps++;
    }
    clearImmediate(hearing);
    expect(steps).to.be.greaterThan(100);
  });
});
