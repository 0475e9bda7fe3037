/**
 * Returns the next presence state of a user after an observation; `before` is undefined for the first one. One rule,
 * applied by each watcher, covers a flapping connection, a deploy and a killed gateway: a user is reported as offline
 * only after GRACE without any gateway that holds one of their connections.
 *
 *   unknown ──first: held, or left within GRACE──▶ online ◀──────held──────┐
 *      │                                             ▲ │                   │
 *      └──first: neither──▶ offline ────held─────────┘ └────not held────▶ absent
 *                              ▲                                           │
 *                              └────────────still not held after GRACE─────┘
 *
 * `absent` is still reported as online. Only observations change the state: without them no user goes offline.
 */
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

export interface PresenceState {
  online: boolean;
  /** In the state `absent`: since when no gateway holds the user, on the clock of `now`. */
  absentSince: number | undefined;
}

/** Result of one look at a user. */
export interface PresenceObservation {
  /** A live gateway holds a connection of the user. */
  held: boolean;
  /** Time since the last connection ended cleanly, in ms; undefined when unknown. */
  leftMsAgo: number | undefined;
}

/**
 * Time without a connection until a user is offline, in ms. Longer than a stock client needs to reconnect (1 to 1.5 s
 * for the first attempt, 2 to 4 s for the second), and than a gateway needs to register again after Redis was wiped
 * (one heartbeat of the others, 3 s). A killed gateway is detected after 15 s (its lease) and a heartbeat of 3 s, so
 * its users are reported as offline within 24 s.
 */
export const PRESENCE_GRACE_MS = 6_000;
