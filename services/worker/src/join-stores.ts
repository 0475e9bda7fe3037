import type { SendEntry } from '@chat-cluster/contracts';
import type { MessageStore, StoredMessage } from '@chat-cluster/domain';
import { NaturalBatch } from '@chat-cluster/runtime';

/** Statements under way at a time: while one waits for the disk, another one computes. */
const AT_A_TIME = 2;
/** Sends of one statement: as many as a run of one lane may have (JOINED_BATCHES). */
const MAX_SENDS = 400;

type Rows = (StoredMessage | undefined)[];

/**
 * Lets the lanes of this process that want to store at the same time do it by one statement. An idle store takes a lane's
 * sends at once; what comes while AT_A_TIME statements are under way waits for one of them, and leaves together. So the
 * number of lanes decides how many conversations wait for each other, and no longer how large statements are.
 *
 * Lanes share no conversation, so a statement of several locks nothing that another one holds. Where one of them fails,
 * each lane's is done again alone: what is wrong with the one is nothing to the others.
 */
export function joinStores(store: MessageStore): MessageStore {
  const statements = new NaturalBatch<readonly SendEntry[], PromiseSettledResult<Rows>>({
    run: (runs) => storeTogether(store, runs),
    maxInFlight: AT_A_TIME,
    maxItems: Number.POSITIVE_INFINITY,
    maxWaiting: Number.POSITIVE_INFINITY,
    maxWeight: MAX_SENDS,
    weigh: (sends) => sends.length,
    overflow: () => new Error('never: a lane has one run at a time'),
  });
  return {
    ...store,
    async storeSends(sends) {
      const outcome = await statements.submit(sends);
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    },
  };
}

async function storeTogether(
  store: MessageStore,
  runs: readonly (readonly SendEntry[])[],
): Promise<PromiseSettledResult<Rows>[]> {
  const alone = () => Promise.allSettled(runs.map((sends) => store.storeSends(sends)));
  if (runs.length === 1) return alone();
  try {
    const rows = await store.storeSends(runs.flat());
    let at = 0;
    return runs.map((sends) => {
      const from = at;
      at += sends.length;
      return { status: 'fulfilled', value: rows.slice(from, at) };
    });
  } catch {
    return alone();
  }
}
