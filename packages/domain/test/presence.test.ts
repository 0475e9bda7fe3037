import { nextPresence, type PresenceObservation, type PresenceState } from '@chat-cluster/domain';
import { expect } from 'chai';

const GRACE = 6_000;
const held: PresenceObservation = { held: true, leftMsAgo: undefined };
const gone: PresenceObservation = { held: false, leftMsAgo: undefined };
const left = (leftMsAgo: number): PresenceObservation => ({ held: false, leftMsAgo });
const ONLINE: PresenceState = { online: true, absentSince: undefined };
const OFFLINE: PresenceState = { online: false, absentSince: undefined };
const absentSince = (at: number): PresenceState => ({ online: true, absentSince: at });

describe('presence', () => {
  /** The state after each of these observations. */
  const statesAfter = (...observations: [now: number, seen: PresenceObservation][]) => {
    let state: PresenceState | undefined;
    return observations.map(([now, seen]) => {
      state = nextPresence(state, seen, now, GRACE);
      return state;
    });
  };

  it('is online while a gateway holds the user, and offline for a user who never connected', () => {
    expect(statesAfter([0, held], [9e9, held])).to.deep.equal([ONLINE, ONLINE]);
    expect(statesAfter([0, gone], [9e9, gone])).to.deep.equal([OFFLINE, OFFLINE]);
  });

  it('ends only after the grace period without any gateway', () => {
    expect(statesAfter([0, held], [1_000, gone], [6_999, gone], [7_000, gone])).to.deep.equal([
      ONLINE,
      absentSince(1_000),
      absentSince(1_000),
      OFFLINE,
    ]);
  });

  it('does not change when the user is back within the grace period', () => {
    expect(statesAfter([0, held], [1_000, left(0)], [6_000, held], [8_000, gone], [13_000, gone])).to.deep.equal([
      ONLINE,
      absentSince(1_000),
      ONLINE,
      absentSince(8_000),
      absentSince(8_000),
    ]);
  });

  it('counts the grace period from when the user left, not from the observation', () => {
    expect(statesAfter([0, held], [10_000, left(4_000)], [12_000, left(6_000)])).to.deep.equal([
      ONLINE,
      absentSince(6_000),
      OFFLINE,
    ]);
    // No observation for a minute.
    expect(statesAfter([0, held], [60_000, left(30_000)])).to.deep.equal([ONLINE, OFFLINE]);
  });

  it('treats a user as online whose first observation falls between two connections', () => {
    expect(statesAfter([0, left(2_000)], [3_000, held])).to.deep.equal([absentSince(-2_000), ONLINE]);
    expect(statesAfter([0, left(2_000)], [4_000, left(6_000)])).to.deep.equal([absentSince(-2_000), OFFLINE]);
    expect(statesAfter([0, left(6_000)])).to.deep.equal([OFFLINE]);
  });

  it('begins immediately', () => {
    expect(statesAfter([0, gone], [1, held])).to.deep.equal([OFFLINE, ONLINE]);
  });
});
