import { Rejection, type UserId } from '@chat-cluster/contracts';
import { newConversationId } from '@chat-cluster/domain';
import { createConversationStore, openDatabase } from '@chat-cluster/postgres';
import { freshDatabase, newUser } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';
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

  it('repeats a call that finds its connection at a replaced, read-only server', async () => {
    const database = await freshDatabase();
    try {
      await using db = openDatabase({ url: database.url, poolSize: 1, applicationName: 'test', onError: () => {} });
      const store = rejectWhenUnavailable(createConversationStore(db));
      // The first insert fails as on a replaced primary. A rollback does not reset a sequence.
      await sql`create sequence attempts`.execute(database.db);
      await sql`create function refuse_first() returns trigger language plpgsql as $$ begin
        if nextval('attempts') = 1 then
          raise exception 'cannot execute INSERT in a read-only transaction' using errcode = '25006';
        end if;
        return new;
      end $$`.execute(database.db);
      await sql`create trigger refuse before insert on conversations
        for each row execute function refuse_first()`.execute(database.db);
      const { created } = await store.open(newConversationId(), newUser('a') as UserId, newUser('b') as UserId);
      expect(created).to.equal(true);
    } finally {
      await database.drop();
    }
  });

  it('passes on every other fault and every rejection unchanged', async () => {
    const [fault, rejection] = [new TypeError('ours'), new Rejection('VALIDATION_FAILED')];
    expect(await rejectionOf(fault)).to.equal(fault);
    expect(await rejectionOf(rejection)).to.equal(rejection);
    expect(await rejectWhenUnavailable({ read: async (id: string) => id }).read('answer')).to.equal('answer');
  });
});
