import type { Badge, ParticipantState } from './history.ts';

type Counts = Record<keyof Badge, number>;

/** The badge of each user by the recounts of its conversations. */
export function recountedBadges(participants: readonly ParticipantState[]): (userId: string) => Counts {
  const badges = new Map<string, Counts>();
  for (const { userId, muted, recount, mentionRecount = 0 } of participants) {
    const badge = badges.get(userId) ?? { count: 0, mutedCount: 0, mentionCount: 0 };
    badge[muted ? 'mutedCount' : 'count'] += recount;
    badge.mentionCount += mentionRecount;
    badges.set(userId, badge);
  }
  return (userId) => badges.get(userId) ?? { count: 0, mutedCount: 0, mentionCount: 0 };
}

export function badgeText({ count, mutedCount = 0, mentionCount = 0 }: Badge): string {
  return `${count}, muted ${mutedCount}, mentions ${mentionCount}`;
}
