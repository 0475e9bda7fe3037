import { Rejection } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { rejectWhenUnavailable } from '../src/reject-when-unavailable.ts';

describe('a store while Postgres is away', () => {
  const failing = (error: Error) =>
    rejectWhenUnavailable({ read: (_id: string): Promise<number> => Promise.reject(error) });
  const heard = (error: Error) =>
    failing(error)
      .read('x')
      .catch((reason: unknown) => reason);

  it('rejects what passes by itself with UNAVAILABLE and a time to come back', async () => {
    for (const error of [
      Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
      new Error('Connection terminated unexpectedly'),
      new Error('timeout exceeded when trying to connect'),
      new Error('Query read timeout'),
    ]) {
      const { payload } = new Rejection('UNAVAILABLE', { retryAfterMs: 1_000 });
      expect(await heard(error), error.message).to.have.deep.property('payload', payload);
    }
  });

  it('lets every other fault and every rejection through as it is', async () => {
    const [fault, rejection] = [new TypeError('ours'), new Rejection('VALIDATION_FAILED')];
    expect(await heard(fault)).to.equal(fault);
    expect(await heard(rejection)).to.equal(rejection);
    expect(await rejectWhenUnavailable({ read: async (id: string) => id }).read('answer')).to.equal('answer');
  });
});
