import type { SendEntry } from '@chat-cluster/contracts';
import type { MessageStore, StoredMessage } from '@chat-cluster/domain';
import { NaturalBatch } from '@chat-cluster/runtime';

/** Statements in progress at a time: while one waits for the disk, another one computes. */
const MAX_STATEMENTS = 2;
/** Sends in one statement, at most: as many as one run of a lane may have (INBOX_RUNS). */
const MAX_SENDS = 400;

type Rows = (StoredMessage | undefined)[];

/**
 * Joins the sends of the lanes of this process that store at the same time into one statement. An idle store executes
 * the sends of a lane at once. Sends that arrive while MAX_STATEMENTS are in progress wait for one of them and leave
 * together. So more lanes make fewer conversations wait for each other, without making statements smaller.
 *
 * Lanes have no conversation in common, so a joint statement locks no row that another one holds. If the joint
 * statement fails, each lane sends a statement of its own and does not wait for the others: a fault of one lane
 * (poison, a row that another session keeps locked) does not affect them. Sends that failed alone are never joined
 * again. The price: a locked row can delay the other lanes of one statement by its time limit, once.
 */
export function joinStores(store: MessageStore): MessageStore {
  /** The first send of each run that failed alone. A repeat of the run has the same first send. */
  const failedAlone = new WeakSet<SendEntry>();
  const statements = new NaturalBatch<readonly SendEntry[], Rows | undefined>({
    run: (runs) => storeTogether(store, runs),
    maxInFlight: MAX_STATEMENTS,
    maxItems: Number.POSITIVE_INFINITY,
    maxWaiting: Number.POSITIVE_INFINITY,
    maxWeight: MAX_SENDS,
    weigh: (sends) => sends.length,
    overflow: () => new Error('unreachable: a lane has one run at a time'),
  });
  return {
    ...store,
    async storeSends(sends) {
      const [first] = sends;
      try {
        const rows = first && failedAlone.has(first) ? undefined : await statements.submit(sends);
        return rows ?? (await store.storeSends(sends));
      } catch (error) {
        if (first) failedAlone.add(first);
        throw error;
      }
    },
  };
}

/** The rows of each run; undefined for each of several runs that failed together. Rejects when a single run fails. */
async function storeTogether(
  store: MessageStore,
  runs: readonly (readonly SendEntry[])[],
): Promise<(Rows | undefined)[]> {
  try {
    const rows = await store.storeSends(runs.flat());
    return runs.map((sends) => rows.splice(0, sends.length));
  } catch (error) {
    if (runs.length === 1) throw error;
    return runs.map(() => undefined);
  }
}
