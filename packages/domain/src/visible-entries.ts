import type { Window } from '@chat-cluster/contracts';

/** Entries with `fromSeq <= seq <= toSeq`. */
export interface SeqInterval {
  fromSeq: number;
  toSeq: number;
}

/** The entries up to `lastSeq` that a user may see, in order: all of a direct conversation, the windows of a group. */
export function visibleIntervals(windows: readonly Window[] | undefined, lastSeq: number): SeqInterval[] {
  const all: readonly Window[] = windows ?? [{ fromSeq: 1, toSeq: null }];
  return all
    .map(({ fromSeq, toSeq }) => ({ fromSeq, toSeq: Math.min(toSeq ?? lastSeq, lastSeq) }))
    .filter(({ fromSeq, toSeq }) => fromSeq <= toSeq);
}

export function isVisible(visible: readonly SeqInterval[], seq: number): boolean {
  return visible.some(({ fromSeq, toSeq }) => fromSeq <= seq && seq <= toSeq);
}

/** The first `limit` visible entries with a greater `seq`. */
export function firstAfter(visible: readonly SeqInterval[], after: number, limit: number): SeqInterval[] {
  let left = limit;
  return visible.flatMap(({ fromSeq, toSeq }) => {
    const from = Math.max(fromSeq, after + 1);
    const to = Math.min(toSeq, from + left - 1);
    if (from > to) return [];
    left -= to - from + 1;
    return [{ fromSeq: from, toSeq: to }];
  });
}

/** The last `limit` visible entries with a smaller `seq`. */
export function lastBefore(visible: readonly SeqInterval[], before: number, limit: number): SeqInterval[] {
  let left = limit;
  return visible
    .toReversed()
    .flatMap(({ fromSeq, toSeq }) => {
      const to = Math.min(toSeq, before - 1);
      const from = Math.max(fromSeq, to - left + 1);
      if (from > to) return [];
      left -= to - from + 1;
      return [{ fromSeq: from, toSeq: to }];
    })
    .reverse();
}
