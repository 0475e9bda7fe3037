import { z } from 'zod';
import { conversationSummary } from './http.ts';
import { userId } from './ids.ts';
import { LIMITS } from './limits.ts';

/** How far each participant of a conversation has read. */
export const readMarks = z.array(
  z.object({
    userId,
    upToSeq: z.int().nonnegative().meta({ example: 41 }),
    readAt: z.iso.datetime().nullable().meta({ example: '2026-01-01T12:00:05.000Z' }),
  }),
);

const A_SINCE = 'send the `since` of the feed of an earlier ack, or `now` to begin a feed';

/** `since` of a request. `readFeed` of domain checks its content. */
export const feedSince = z.string().min(1, A_SINCE).max(LIMITS.feedSinceLength, A_SINCE);

/** `feed` in the ack of `sync`. */
export const syncFeed = z
  .object({
    conversations: z
      .array(
        conversationSummary
          .extend({ readMarks })
          .meta({ id: 'FeedEntry', description: 'A conversation with activity, without its messages except the last' }),
      )
      .meta({
        description:
          `Conversations with activity since \`since\` of the request, oldest activity first, at most ${LIMITS.syncFeed}. ` +
          'Activity: the conversation was opened, a message was stored, a read mark of a participant moved. A conversation ' +
          'may be listed again without a change: take over what is newer than what this device has',
      }),
    since: z.string().max(LIMITS.feedSinceLength).meta({
      description: 'Send it with the next `sync`. Opaque; store it with the state of the conversations',
      example: 'NWIwZjRhNTItNmYwZS00ZDQzLTlmMGEtMGQ5ZjRiMWQ3YzExLjE3NjcyNjg4MDAwMDA',
    }),
    hasMore: z.boolean().meta({ description: 'Send `sync` with the new `since` now: more conversations follow' }),
    reset: z
      .literal(true)
      .optional()
      .meta({
        description:
          'Only if `since` of the request belongs to another `epoch`. The feed begins anew as with `now`: discard ' +
          'conversations and messages and load them anew',
      }),
  })
  .meta({ id: 'SyncFeed', description: 'The conversations of the user with activity since an earlier `sync`' });

export type SyncFeed = z.infer<typeof syncFeed>;
export type FeedEntry = SyncFeed['conversations'][number];
