import type { StoreEpoch } from '@chat-cluster/contracts';
import type { StoreBeat, StoreEpochs } from '@chat-cluster/domain';
import { type RawBuilder, sql } from 'kysely';
import type { Database } from './database.ts';

/** The epoch of the store in Postgres, as `StoreEpochs` of the domain requires. */
export function createStoreEpochs(db: Database): StoreEpochs {
  const only = async <Row>(query: RawBuilder<Row>): Promise<Row> => {
    const [row] = (await query.execute(db)).rows;
    if (!row) throw new Error('store_epoch has no row: run "insert into store_epoch default values"');
    return row;
  };
  return {
    beat: () => only(countBeatQuery()),
    current: async () => (await only(epochQuery())).epoch,
    async renew(from) {
      await renewEpochQuery(from).execute(db);
      return this.current();
    },
  };
}

export function countBeatQuery() {
  return sql<StoreBeat>`update store_epoch set beats = beats + 1 where id = 1 returning epoch, beats`;
}

export function epochQuery() {
  return sql<{ epoch: StoreEpoch }>`select epoch from store_epoch where id = 1`;
}

export function renewEpochQuery(from: StoreEpoch) {
  return sql`
update store_epoch set epoch = gen_random_uuid(), renewed_at = now()
where id = 1 and epoch = ${from}::uuid`;
}
