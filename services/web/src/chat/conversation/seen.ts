/** The part of an open conversation that the user has seen. */
export interface Seen {
  /** The newest message that was on the screen. */
  readonly upToSeq: number;
  /** The mark "new" is below this message; undefined: there is none. */
  readonly newAfterSeq: number | undefined;
}

/** At the opening of a conversation: everything after the read mark is new. */
export function seenAtOpening(readUpTo: number, unreadCount: number): Seen {
  return { upToSeq: readUpTo, newAfterSeq: unreadCount > 0 ? readUpTo : undefined };
}

/**
 * The next state. `lastSeq` is the newest message, `isOnScreen` whether the user sees it. When messages arrive that the
 * user does not see, the mark moves below the last one that the user has seen.
 */
export function nextSeen(seen: Seen, lastSeq: number, isOnScreen: boolean): Seen {
  if (lastSeq <= seen.upToSeq) return seen;
  if (isOnScreen) return { ...seen, upToSeq: lastSeq };
  const isMarked = seen.newAfterSeq !== undefined && seen.newAfterSeq >= seen.upToSeq;
  return isMarked ? seen : { ...seen, newAfterSeq: seen.upToSeq };
}

/** The user has written: there is nothing new to mark. */
export function withoutMark(seen: Seen): Seen {
  return seen.newAfterSeq === undefined ? seen : { ...seen, newAfterSeq: undefined };
}
