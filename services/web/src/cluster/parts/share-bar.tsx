import { formatShare } from '../data/format-figures.ts';
import classes from './share-bar.module.css';

/** From this share on, the bar shows that the limit is close. */
const CLOSE = 0.9;

/** `used of limit` in words, above a bar. Without a limit there is no bar. */
export function ShareBar({ used, limit, format }: { used: number; limit: number; format: (n: number) => string }) {
  if (limit <= 0) return <span>{format(used)}</span>;
  const share = Math.min(1, Math.max(0, used / limit));
  return (
    <span className={classes.share} title={`${formatShare(share)} of the limit`}>
      <span>
        {format(used)} <span className={classes.limit}>of {format(limit)}</span>
      </span>
      <svg className={classes.bar} viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect className={classes.track} width="100" height="4" />
        <rect className={share >= CLOSE ? classes.close : classes.fill} width={share * 100} height="4" />
      </svg>
    </span>
  );
}
