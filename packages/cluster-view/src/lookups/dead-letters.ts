import {
  type ActionResult,
  type ConversationId,
  type DeadLetterPage,
  type DeadLetterView,
  Rejection,
  type UserId,
} from '@chat-cluster/contracts';
import type { DeadLetter, DeadLetters } from '@chat-cluster/domain';
import { inboxLane, laneNumberOf, replayLetters, summaryOf } from '@chat-cluster/queue';
import type { RedisConfig } from '@chat-cluster/runtime';

/** Letters of a page. */
const PAGE = 50;
/** Most letters that are counted. */
const MAX_COUNTED = 10_000;

export interface DeadLetterDeps {
  letters: DeadLetters;
  config: RedisConfig & { LANES: number };
}

/** A page of dead letters, newest first. */
export async function listDeadLetters(deps: DeadLetterDeps, cursor: string | undefined): Promise<DeadLetterPage> {
  const { letters, config } = deps;
  const before = cursor === undefined ? undefined : parseCursor(cursor);
  const [rows, total] = await Promise.all([letters.newest(PAGE + 1, before), letters.count(MAX_COUNTED)]);
  const page = rows.slice(0, PAGE);
  const last = rows.length > PAGE ? page.at(-1) : undefined;
  return {
    total,
    letters: page.map((letter) => viewOf(letter, config.LANES)),
    nextCursor: last ? Buffer.from(`${last.at.getTime()}.${last.id}`).toString('base64url') : null,
  };
}

/** Submits letters to their lanes again and drops those that are then stored, like the command `dead-letters replay`. */
export async function replayDeadLetters({ letters, config }: DeadLetterDeps, ids: string[]): Promise<ActionResult> {
  const found = await letters.find(ids);
  const results = new Map((await replayLetters(letters, found, config)).map((result) => [result.id, result]));
  const known = new Set(found.map(({ id }) => id));
  const failed = ids.flatMap((id) => {
    const result = results.get(id);
    if (result?.done) return [];
    if (!known.has(id)) return [{ id, reason: NO_SUCH_LETTER }];
    return [{ id, reason: result?.outcome ?? 'not tried, because no worker responds' }];
  });
  return resultOf('replayed', ids.length - failed.length, failed);
}

export async function dropDeadLetters({ letters }: DeadLetterDeps, ids: string[]): Promise<ActionResult> {
  const known = new Set((await letters.find(ids)).map(({ id }) => id));
  const dropped = await letters.drop([...known]);
  const failed = ids.flatMap((id) => (known.has(id) ? [] : [{ id, reason: NO_SUCH_LETTER }]));
  return resultOf('dropped', dropped, failed);
}

const NO_SUCH_LETTER = 'there is no such dead letter';

function resultOf(verb: string, count: number, failed: NonNullable<ActionResult['failed']>): ActionResult {
  const done = `${count} dead ${count === 1 ? 'letter was' : 'letters were'} ${verb}.`;
  return failed.length === 0 ? { done } : { done, failed };
}

function viewOf(letter: DeadLetter, lanes: number): DeadLetterView {
  const { id, at, kind, reason, attempts, conversationId, userId, clientMessageId } = summaryOf(letter);
  const lane = conversationId === undefined ? undefined : laneNumberOf(conversationId as ConversationId, lanes);
  return {
    ...{ id, kind, reason, attempts },
    at: at.getTime(),
    ...(kind === 'unreadable' || lane === undefined ? {} : { lane: inboxLane(lane) }),
    ...(conversationId === undefined ? {} : { conversationId: conversationId as ConversationId }),
    ...(userId === undefined ? {} : { userId: userId as UserId }),
    ...(clientMessageId === undefined ? {} : { clientMessageId }),
  };
}

function parseCursor(cursor: string): Pick<DeadLetter, 'at' | 'id'> {
  const text = Buffer.from(cursor, 'base64url').toString();
  const [, ms, id] = /^(\d{1,14})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(text) ?? [];
  if (!ms || !id) throw new Rejection('VALIDATION_FAILED', { message: 'cursor: pass the nextCursor of the last page' });
  return { at: new Date(Number(ms)), id };
}
