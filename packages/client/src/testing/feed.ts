import type { SyncFeed, UserId } from '@chat-cluster/contracts';
import { FakeRejection } from './errors.ts';
import type { FakeHistory } from './history.ts';
import type { FeedPlace } from './stored.ts';
import { readMarksOf, summaryView } from './views.ts';

/** Conversations in one ack. */
const PAGE = 100;
/** Activity of this time before a complete feed appears again in the next one, in ms, as with the real server. */
const OVERLAP_MS = 60_000;

/** Reads the feed of a user. `since`: `now`, or that of an earlier feed. */
export function readFeed(history: FakeHistory, userId: UserId, since: string, now: number): SyncFeed {
  const caughtUp = write(history.epoch, { at: now - OVERLAP_MS, order: 0 });
  if (since === 'now') return { conversations: [], since: caughtUp, hasMore: false };
  const after = read(since);
  if (after.epoch !== history.epoch) return { conversations: [], since: caughtUp, hasMore: false, reset: true };
  const changed = history
    .all(userId)
    .filter(({ activity }) => compare(activity, after.place) > 0)
    .sort((a, b) => compare(a.activity, b.activity));
  const page = changed.slice(0, PAGE);
  const last = page.at(-1);
  const hasMore = changed.length > page.length;
  return {
    conversations: page.map((one) => ({ ...summaryView(userId, one), readMarks: readMarksOf(userId, one) })),
    since: hasMore && last ? write(history.epoch, last.activity) : caughtUp,
    hasMore,
  };
}

function compare(a: FeedPlace, b: FeedPlace): number {
  return a.at - b.at || a.order - b.order;
}

function write(epoch: string, { at, order }: FeedPlace): string {
  return `${epoch}.${at}.${order}`;
}

function read(since: string): { epoch: string; place: FeedPlace } {
  const [epoch = '', at, order, ...rest] = since.split('.');
  const place = { at: Number(at), order: Number(order) };
  if (rest.length > 0 || !Number.isFinite(place.at) || !Number.isFinite(place.order)) {
    throw new FakeRejection('VALIDATION_FAILED', { message: 'since: must be `now` or the `since` of an earlier feed' });
  }
  return { epoch, place };
}
