import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('eventually', () => {
  it('repeats an assertion until it holds, and resolves with its result', async () => {
    let calls = 0;
    const result = await eventually(async () => {
      if (++calls < 3) throw new Error('not yet');
      return calls;
    });
    expect([result, calls]).to.deep.equal([3, 3]);
  });

  it('rejects with the last error of the assertion after the time limit', async () => {
    let calls = 0;
    const never = () => {
      throw new Error(`call ${++calls}`);
    };
    const error = await eventually(never, 30).catch((thrown: Error) => thrown);
    expect(calls).to.be.at.least(2);
    expect(error).to.have.property('message', `call ${calls}`);
  });
});
