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
  /** Looks at these times; what each of them makes of the user. */
  const story = (...looks: [now: number, sight: PresenceObservation][]) => {
    let standing: PresenceState | undefined;
    return looks.map(([now, sight]) => {
      standing = nextPresence(standing, sight, now, GRACE);
      return standing;
    });
  };

  it('is online while a gateway holds the user, and offline for who was never seen', () => {
    expect(story([0, held], [9e9, held])).to.deep.equal([ONLINE, ONLINE]);
    expect(story([0, gone], [9e9, gone])).to.deep.equal([OFFLINE, OFFLINE]);
  });

  it('ends only after the grace without any gateway', () => {
    expect(story([0, held], [1_000, gone], [6_999, gone], [7_000, gone])).to.deep.equal([
      ONLINE,
      absentSince(1_000),
      absentSince(1_000),
      OFFLINE,
    ]);
  });

  it('does not flicker when the user is back within the grace', () => {
    expect(story([0, held], [1_000, left(0)], [6_000, held], [8_000, gone], [13_000, gone])).to.deep.equal([
      ONLINE,
      absentSince(1_000),
      ONLINE,
      absentSince(8_000),
      absentSince(8_000),
    ]);
  });

  it('counts the grace from when the user left, not from when that was seen', () => {
    expect(story([0, held], [10_000, left(4_000)], [12_000, left(6_000)])).to.deep.equal([
      ONLINE,
      absentSince(6_000),
      OFFLINE,
    ]);
    // Nobody could look for a minute.
    expect(story([0, held], [60_000, left(30_000)])).to.deep.equal([ONLINE, OFFLINE]);
  });

  it('takes a user for online who was first seen between two connections', () => {
    expect(story([0, left(2_000)], [3_000, held])).to.deep.equal([absentSince(-2_000), ONLINE]);
    expect(story([0, left(2_000)], [4_000, left(6_000)])).to.deep.equal([absentSince(-2_000), OFFLINE]);
    expect(story([0, left(6_000)])).to.deep.equal([OFFLINE]);
  });

  it('begins at once', () => {
    expect(story([0, gone], [1, held])).to.deep.equal([OFFLINE, ONLINE]);
  });
});
