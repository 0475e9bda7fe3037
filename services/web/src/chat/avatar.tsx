import type { CSSProperties } from 'react';
import classes from './avatar.module.css';

interface AvatarProps {
  userId: string;
  size?: number;
  /** True: a dot marks the user as online. */
  online?: boolean | undefined;
  /** True: the name is the title of a group. */
  isGroup?: boolean | undefined;
}

/** The initials of a user on a color of their own. Screen readers skip it, because the name is beside it. */
export function Avatar({ userId, size = 36, online, isGroup = false }: AvatarProps) {
  const style = { '--hue': hueOf(userId), '--size': `${size}px` } as CSSProperties;
  return (
    <span className={classes.avatar} style={style} data-group={isGroup} aria-hidden="true">
      {initials(userId)}
      {online === true && <span className={classes.dot} />}
    </span>
  );
}

function initials(userId: string): string {
  const words = userId.split(/[\s._@-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const [first, second] = words;
  const letters = [first, second?.match(/^\p{L}/u) ? second : undefined].map(
    (word) => /[\p{L}\p{N}]\p{M}*/u.exec(word ?? '')?.[0] ?? '',
  );
  return letters.join('').toUpperCase() || '?';
}

/** A hue from 0 to 359: the same one for the same user, everywhere. */
function hueOf(userId: string): number {
  let hash = 7;
  for (const character of userId) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 100_003;
  return (hash * 47) % 360;
}
