/**
 * Returns the next presence state of a user after an observation; `before` is undefined for the first one. One rule,
 * applied by each watcher, covers a flapping connection, a deploy and a killed gateway: a user is reported as offline
 * only after no gateway has held one of their connections for PRESENCE_GRACE_MS (below: the grace period).
 *
 *   unknown ──held, or left within the grace period──▶ online ◀──────held──────┐
 *      │                                                 ▲ │                   │
 *      └──neither──▶ offline ───────────held─────────────┘ └────not held────▶ absent
 *                       ▲                                                      │
 *                       └──────────not held after the grace period─────────────┘
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
  /** In the state `absent`: time from which no gateway has held the user, on the clock of `now`. */
  absentSince: number | undefined;
}

/** Result of one read of a user's state. */
export interface PresenceObservation {
  /** A live gateway holds a connection of the user. */
  held: boolean;
  /** Time since the last connection ended cleanly, in ms; undefined when unknown. */
  leftMsAgo: number | undefined;
}

/**
 * Time without a connection after which a user is offline, in ms. It covers two reconnect attempts of a stock client
 * (within 1.5 s, and within another 3 s) and the time until all gateways are registered again after Redis was wiped
 * (one heartbeat, 3 s). A killed gateway is detected after its lease (15 s) and one heartbeat (3 s), so its users are
 * reported as offline within 24 s.
 */
export const PRESENCE_GRACE_MS = 6_000;
