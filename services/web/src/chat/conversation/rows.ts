import type { Hole, ShownMessage } from '@chat-cluster/client';
import { dayOf } from '../../ui/formats.ts';
import { estimateRow } from './estimate-row.ts';
import type { Row } from './row.ts';

/** Longest time between two messages of a group, in ms. */
const GROUP_MS = 5 * 60 * 1_000;

export interface RowsInput {
  messages: readonly ShownMessage[];
  holes: readonly Hole[];
  userId: string | undefined;
  /** The last message that the user has seen before the new ones; undefined without new ones. */
  newAfterSeq: number | undefined;
}

/**
 * The rows of the messages. A row of `before`, for the same user, is the same object again while nothing of it changes, and
 * so is the array: only the rows at the changed end of a window are built and drawn.
 */
export function buildRows(input: RowsInput, before: readonly Row[] = []): readonly Row[] {
  const { messages, holes, userId, newAfterSeq } = input;
  const rows: Row[] = [];
  const shift = shiftOf(before, messages);
  let continues = false;
  for (const [index, message] of messages.entries()) {
    const next = messages[index + 1];
    const { seq } = message;
    const hole = seq === undefined ? undefined : holeAfter(holes, seq, next?.seq);
    const newBelow = next !== undefined && newAfterSeq !== undefined && seq === newAfterSeq;
    const old: Row | undefined = before[index + shift];
    const isSame: boolean =
      old?.message === message &&
      before[index + shift + 1]?.message === next &&
      old.continues === continues &&
      old.newBelow === newBelow &&
      old.hole?.fromSeq === hole?.fromSeq &&
      old.hole?.toSeq === hole?.toSeq;
    const marks = { continues, hole, newBelow };
    const row: Row = isSame && old ? old : buildRow(placed(message, userId), next && placed(next, userId), marks);
    rows.push(row);
    continues = row.isContinued;
  }
  return rows.length === before.length && rows.every((row, index) => row === before[index]) ? before : rows;
}

/** The index in `before` of the message that is at index 0 now. Negative when older messages were put before it. */
function shiftOf(before: readonly Row[], messages: readonly ShownMessage[]): number {
  const [first, old] = [messages[0]?.seq, before[0]?.message.seq];
  if (first === old) return 0;
  const dropped = before.findIndex(({ message }) => message.seq === first);
  return dropped >= 0 ? dropped : -messages.findIndex(({ seq }) => seq === old);
}

function buildRow(
  { key, message, isMine, at, ...current }: Placed,
  next: Placed | undefined,
  marks: Pick<Row, 'continues' | 'hole' | 'newBelow'>,
): Row {
  const isOtherDay = next !== undefined && next.day !== current.day;
  const isContinued =
    next !== undefined &&
    !isOtherDay &&
    !marks.hole &&
    !marks.newBelow &&
    current.sender === next.sender &&
    next.at - at < GROUP_MS;
  const row = { key, message, isMine, at, ...marks, isContinued, dayBelow: isOtherDay ? next.at : undefined };
  return { ...row, estimate: estimateRow(row) };
}

interface Placed {
  key: string;
  message: ShownMessage;
  isMine: boolean;
  /** Messages of one group have the same one. An entry about the group itself has its own. */
  sender: string;
  at: number;
  day: number;
}

/** The parts of a row that depend on its message and the user only. A message is the same object until it changes. */
const known = new WeakMap<ShownMessage, { userId: string | undefined; placed: Placed }>();

function placed(message: ShownMessage, userId: string | undefined): Placed {
  const before = known.get(message);
  if (before && before.userId === userId) return before.placed;
  const now = place(message, userId);
  known.set(message, { userId, placed: now });
  return now;
}

function place(message: ShownMessage, userId: string | undefined): Placed {
  const isStored = message.seq !== undefined;
  const isMine = !isStored || message.senderId === userId;
  const at = isStored ? Date.parse(message.createdAt) : message.sentAt;
  return {
    // A message keeps its key when it is stored. Another user may have used the same id.
    key: `${isStored ? message.senderId : (userId ?? '')}:${message.clientMessageId}`,
    message,
    isMine,
    sender: isStored && message.system ? `entry ${message.seq}` : `user ${isMine ? userId : message.senderId}`,
    at,
    day: dayOf(at),
  };
}

/** The newest hole between two messages. Without a next stored message: the hole at the end. */
function holeAfter(holes: readonly Hole[], seq: number, nextSeq: number | undefined): Hole | undefined {
  return holes.findLast(({ fromSeq }) => fromSeq > seq && (nextSeq === undefined || fromSeq < nextSeq));
}
