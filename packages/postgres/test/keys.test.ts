import type { UserId } from '@chat-cluster/contracts';
import { newConversationId } from '@chat-cluster/domain';
import { createConversationStore, createHistory, MIGRATIONS, migrate, openDatabase } from '@chat-cluster/postgres';
import { emptyDatabase, queryPostgres } from '@chat-cluster/testkit';
import { expect } from 'chai';

const NAME = '006-keys-by-bytes';

describe('the keys', () => {
  it('compare bytewise after the contract, and statements that were prepared before it continue', async () => {
    const { url, drop } = await emptyDatabase();
    const { [NAME]: _, ...earlier } = MIGRATIONS;
    await migrate(url, { migrations: earlier });
    const db = openDatabase({ url, poolSize: 1, applicationName: 'test', onError: () => {} });
    try {
      const [alice, bob] = ['alice', 'bob'] as [UserId, UserId];
      const conversations = createConversationStore(db);
      const history = createHistory(db);
      const { conversation } = await conversations.open(newConversationId(), alice, bob);
      const use = async () => [
        await conversations.participantsOf([conversation.id]),
        await history.directConversation(alice, bob),
        (await history.conversations(alice, 1, undefined)).conversations.map(({ otherUserId }) => otherUserId),
      ];
      const before = await use();
      expect(await textKeysByCollation(url)).to.have.property('default');
      expect(await migrate(url, { contract: true })).to.deep.equal([NAME]);
      expect(await use()).to.deep.equal(before);
      expect(Object.keys(await textKeysByCollation(url))).to.deep.equal(['C']);
      // It may run again from its beginning.
      await queryPostgres(url, `delete from kysely_migration where name = '${NAME}'`);
      expect(await migrate(url, { contract: true })).to.deep.equal([NAME]);
      expect(await use()).to.deep.equal(before);
    } finally {
      await db.destroy();
      await drop();
    }
  });
});

/** Text columns of unique indexes by their collation, without the table of the migrator. */
async function textKeysByCollation(url: string): Promise<Record<string, unknown>> {
  const rows = await queryPostgres(
    url,
    `select collname, array_agg(indexrelid::regclass::text || '.' || attname) as columns
    from pg_index join pg_attribute on attrelid = indexrelid join pg_collation c on c.oid = attcollation
    where indisunique and indrelid::regclass::text <> 'kysely_migration'
      and indrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
    group by 1`,
  );
  return Object.fromEntries(rows.map(({ collname, columns }) => [collname, columns]));
}
