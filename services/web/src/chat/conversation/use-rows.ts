import { useMemo, useState } from 'react';
import type { Row } from './row.ts';
import { buildRows, type RowsInput } from './rows.ts';

/** The rows of a conversation. Those that have not changed are the same objects as before. */
export function useRows({ messages, holes, userId, newAfterSeq }: RowsInput): readonly Row[] {
  const [last] = useState<{ userId: string | undefined; rows: readonly Row[] }>(() => ({ userId, rows: [] }));
  return useMemo(() => {
    last.rows = buildRows({ messages, holes, userId, newAfterSeq }, last.userId === userId ? last.rows : []);
    last.userId = userId;
    return last.rows;
  }, [last, messages, holes, userId, newAfterSeq]);
}
