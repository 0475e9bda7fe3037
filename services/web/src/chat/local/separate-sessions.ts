import type { Session } from '../session/session.ts';

/** Most connects of a session until its gateway differs from the other one's. Of two gateways, 1 in 256 stays. */
const ATTEMPTS = 8;

export interface Separation {
  /** Starts new attempts to move a session to another gateway than the other one's. */
  start(index: 0 | 1): void;
  /** Call at each change of a connection: moves a session that has attempts left, if both share a gateway. */
  check(): void;
}

/** Moves sessions until the two have different gateways. Without a second gateway it does nothing. */
export function separateSessions(sessions: () => readonly [Session, Session], gateways: number): Separation {
  const remaining: [number, number] = [0, 0];
  const moveIfShared = (index: 0 | 1) => {
    const session = sessions()[index];
    const [own, other] = [session.client.status, sessions()[index === 0 ? 1 : 0].client.status];
    if (own.state !== 'live' || other.state !== 'live' || remaining[index] === 0) return;
    if (own.gatewayId !== other.gatewayId) {
      remaining[index] = 0;
      return;
    }
    remaining[index]--;
    // A listener of the client must not change the connection whose change it receives.
    queueMicrotask(() => sessions()[index].move());
  };
  return {
    start(index) {
      if (gateways < 2) return;
      remaining[index] = ATTEMPTS;
      moveIfShared(index);
    },
    check() {
      moveIfShared(0);
      moveIfShared(1);
    },
  };
}
