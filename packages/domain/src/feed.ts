import {
  type ConversationId,
  conversationId,
  type FeedEntry,
  LIMITS,
  Rejection,
  type StoreEpoch,
  type SyncFeed,
  storeEpoch,
  type UserId,
} from '@chat-cluster/contracts';
import type { FeedPosition, History } from './ports.ts';
import { textOf } from './text-of.ts';

/**
 * How far the `since` of a complete feed lies before the time of its read, in ms. Activity has the time at which its
 * transaction began, so activity that a read does not see may be older than this read: by the duration of a
 * transaction (a statement has at most 5 s, see packages/postgres/src/database.ts, and a batch of a lane is at most two
 * statements) and, after a failover, by the difference of the clocks of both servers. The next feed repeats this time.
 */
const OVERLAP_MS = 60_000;

/** Maximum text of a feed, in UTF-16 code units: a quarter of that of an ack (sync.ts). The first entry always fits. */
const MAX_CHARACTERS = 128 * 1024;

/**
 * Returns the conversations of the user with activity after `since`, oldest activity first, in pages. A walk through the
 * pages ends with a `since` that lies OVERLAP_MS before the read of its *first* page, however long the walk takes: what
 * is committed behind its position meanwhile belongs to the next walk. Activity that continues only moves a
 * conversation to a later page. So no activity is skipped, and conversations may be returned again.
 *
 * A `since` of another epoch has no meaning after a restore: the feed begins anew with `reset`. An invalid one is
 * rejected with VALIDATION_FAILED.
 */
export async function readFeed(
  history: Pick<History, 'feed'>,
  userId: UserId,
  since: string,
  epoch: StoreEpoch,
): Promise<SyncFeed> {
  const point = parse(since);
  const isReset = point !== undefined && point.epoch !== epoch;
  const after = isReset ? undefined : point;
  const { readAt, entries } = await history.feed(userId, after, LIMITS.syncFeed + 1);
  const nextWalk = after?.nextWalk ?? readAt - OVERLAP_MS;
  const page = firstPage(entries);
  const last = page.length < entries.length ? page.at(-1) : undefined;
  return {
    conversations: page.map(({ conversation }) => conversation),
    since: last ? format(epoch, last.activityAt, last.conversation.id, nextWalk) : format(epoch, nextWalk),
    hasMore: last !== undefined,
    ...(isReset && { reset: true }),
  };
}

/** Size of a feed in an ack, in UTF-16 code units. */
export function textOfFeed({ conversations }: SyncFeed): number {
  return conversations.reduce((sum, entry) => sum + textOfEntry(entry), 0);
}

/** The fixed fields of an entry have about 400 characters. */
function textOfEntry({ lastMessage }: FeedEntry): number {
  return 400 + (lastMessage ? textOf(lastMessage) : 0);
}

function firstPage<Entry extends { conversation: FeedEntry }>(entries: readonly Entry[]): Entry[] {
  let characters = 0;
  const end = entries.findIndex(({ conversation }, i) => {
    characters += textOfEntry(conversation);
    return i === LIMITS.syncFeed || (i > 0 && characters > MAX_CHARACTERS);
  });
  return entries.slice(0, end < 0 ? entries.length : end);
}

interface FeedPoint extends FeedPosition {
  epoch: StoreEpoch;
  /** Within a walk: where the next walk begins, in ms since 1970. */
  nextWalk?: number;
}

/** Before every conversation with the same time of activity. */
const LEAST_ID = '00000000-0000-0000-0000-000000000000' as ConversationId;

/** `epoch.activity`, or within a walk `epoch.activity.id.nextWalk`. */
function format(...parts: [StoreEpoch, number] | [StoreEpoch, number, ConversationId, number]): string {
  return Buffer.from(parts.join('.')).toString('base64url');
}

const POINT = /^(?<epoch>[0-9a-f-]{36})\.(?<at>\d{1,14})(?:\.(?<id>[0-9a-f-]{36})\.(?<next>\d{1,14}))?$/;

/** Undefined: `now`. */
function parse(since: string): FeedPoint | undefined {
  if (since === 'now') return undefined;
  const parts = POINT.exec(Buffer.from(since, 'base64url').toString())?.groups;
  const epoch = storeEpoch.safeParse(parts?.epoch);
  const id = conversationId.safeParse(parts?.id ?? LEAST_ID);
  if (!parts || !epoch.success || !id.success) {
    throw new Rejection('VALIDATION_FAILED', {
      message: 'since: send the `since` of the feed of an earlier ack, or `now` to begin a feed',
    });
  }
  const nextWalk = parts.next === undefined ? {} : { nextWalk: Number(parts.next) };
  return { epoch: epoch.data, activityAt: Number(parts.at), id: id.data, ...nextWalk };
}
