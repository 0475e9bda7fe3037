/**
 * Whether a user counts as online. One rule, applied by who watches, covers a flapping connection, a deploy and a
 * killed gateway alike: a user is told offline only after GRACE without any gateway that holds one of their connections.
 *
 *   unknown ──first sight: held, or left within GRACE──▶ online ◀──────held──────┐
 *      │                                                   ▲ │                   │
 *      └──first sight: neither──▶ offline ────held─────────┘ └────not held────▶ absent
 *                                    ▲                                           │
 *                                    └────────────still not held after GRACE─────┘
 *
 * `absent` is still told as online. Only what is seen moves the state: while nobody can look, nobody goes offline.
 */
export interface PresenceState {
  online: boolean;
  /** On the clock of `now`: since when no gateway holds the user, who is still told as online. */
  absentSince: number | undefined;
}

/** What one look at a user shows. */
export interface PresenceObservation {
  /** A live gateway holds a connection of the user. */
  held: boolean;
  /** Since the last connection ended in good order; undefined when that is not known. */
  leftMsAgo: number | undefined;
}

/**
 * Longer than a stock client needs to come back (1 to 1.5 s for the first attempt, 2 to 4 s for the second) and than a
 * gateway needs to take its place again after Redis was wiped (a beat of the others, 3 s). A gateway that is killed is
 * known to be gone after 15 s (its lease) and a beat of 3 s: with the grace its users are told offline within 24 s.
 */
export const PRESENCE_GRACE_MS = 6_000;

/** The standing after a look at the user; `before` is undefined at the first. */
export function nextPresence(
  before: PresenceState | undefined,
  { held, leftMsAgo }: PresenceObservation,
  now: number,
  graceMs: number = PRESENCE_GRACE_MS,
): PresenceState {
  if (held) return { online: true, absentSince: undefined };
  if (before ? !before.online : leftMsAgo === undefined) return { online: false, absentSince: undefined };
  const absentSince = before?.absentSince ?? now - (leftMsAgo ?? 0);
  return now - absentSince < graceMs ? { online: true, absentSince } : { online: false, absentSince: undefined };
}
