import { Rejection } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { rejectWhenUnavailable } from '../src/reject-when-unavailable.ts';

describe('a store while Postgres is down', () => {
  const failing = (error: Error) =>
    rejectWhenUnavailable({ read: (_id: string): Promise<number> => Promise.reject(error) });
  const rejectionOf = (error: Error) =>
    failing(error)
      .read('x')
      .catch((reason: unknown) => reason);

  it('rejects transient faults with UNAVAILABLE and retryAfterMs', async () => {
    for (const error of [
      Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
      new Error('Connection terminated unexpectedly'),
      new Error('timeout exceeded when trying to connect'),
      new Error('Query read timeout'),
    ]) {
      const { payload } = new Rejection('UNAVAILABLE', { retryAfterMs: 1_000 });
      expect(await rejectionOf(error), error.message).to.have.deep.property('payload', payload);
    }
  });

  it('passes on every other fault and every rejection unchanged', async () => {
    const [fault, rejection] = [new TypeError('ours'), new Rejection('VALIDATION_FAILED')];
    expect(await rejectionOf(fault)).to.equal(fault);
    expect(await rejectionOf(rejection)).to.equal(rejection);
    expect(await rejectWhenUnavailable({ read: async (id: string) => id }).read('answer')).to.equal('answer');
  });
});
