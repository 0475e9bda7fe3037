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
 * each lane stores alone, and waits for no other: what is wrong with the one (poison, a row that somebody keeps locked) is
 * nothing to the others. Sends that failed alone are never joined again.
 */
export function joinStores(store: MessageStore): MessageStore {
  /** First sends of runs that failed alone; a repeat of a run has the same ones. */
  const alone = new WeakSet<SendEntry>();
  const statements = new NaturalBatch<readonly SendEntry[], Rows | undefined>({
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
      const [first] = sends;
      try {
        const rows = first && alone.has(first) ? undefined : await statements.submit(sends);
        return rows ?? (await store.storeSends(sends));
      } catch (error) {
        if (first) alone.add(first);
        throw error;
      }
    },
  };
}

/** The rows of each run; of several that failed together, undefined for each. Rejects when one alone fails. */
async function storeTogether(
  store: MessageStore,
  runs: readonly (readonly SendEntry[])[],
): Promise<(Rows | undefined)[]> {
  let rows: Rows;
  try {
    rows = await store.storeSends(runs.flat());
  } catch (error) {
    if (runs.length === 1) throw error;
    return runs.map(() => undefined);
  }
  let at = 0;
  return runs.map((sends) => {
    const from = at;
    at += sends.length;
    return rows.slice(from, at);
  });
}
