import { excerptOf } from './excerpt.ts';
import type { Row } from './row.ts';

/** Average number of characters in a line of a bubble, and the height of a line in px. */
const LINE_CHARACTERS = 56;
const LINE_PX = 20;
/** Height in px of the button that shows a long text whole. */
const MORE_PX = 24;
/** Heights in px of an entry about the group, a name, a quoted message and the reactions. */
const SYSTEM_PX = 28;
const NAME_PX = 18;
const QUOTE_PX = 46;
const REACTIONS_PX = 28;

/** A guess of the height of a row in px. */
export function estimateRow(row: Omit<Row, 'estimate'>): number {
  const { content, attachments } = row.message;
  const stored = row.message.seq === undefined ? undefined : row.message;
  if (stored?.system) return SYSTEM_PX + marksBelow(row);
  const text = excerptOf(content ?? '');
  const lines = text.split('\n').reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / LINE_CHARACTERS)), 0);
  const images = attachments.filter(({ type }) => type === 'IMAGE').length;
  return (
    12 +
    lines * LINE_PX +
    (text.length < (content ?? '').length ? MORE_PX : 0) +
    (lines > 1 ? 16 : 0) +
    images * 184 +
    (attachments.length - images) * 58 +
    (stored && stored.receiverId === undefined && !row.isMine && !row.continues ? NAME_PX : 0) +
    (stored?.replyTo ? QUOTE_PX : 0) +
    (stored?.reactions ? REACTIONS_PX : 0) +
    (row.isContinued ? 2 : 10) +
    marksBelow(row)
  );
}

function marksBelow(row: Omit<Row, 'estimate'>): number {
  return (row.dayBelow === undefined ? 0 : 44) + (row.hole ? 52 : 0) + (row.newBelow ? 34 : 0);
}
