import classes from './cluster-page.module.css';
import type { ClusterState } from './data/cluster-store.ts';
import { formatTime } from './data/format-figures.ts';
import { StatusMark } from './parts/status-mark.tsx';

/** The age of the figures, in the bar at the top, which is in view at every scroll position. */
export function Freshness({ state }: { state: ClusterState }) {
  const { answeredAt, failingSince } = state;
  const now = Date.now();
  if (answeredAt === undefined) {
    return failingSince === undefined ? (
      <StatusMark tone="busy">Loading</StatusMark>
    ) : (
      <StatusMark tone="bad">No figures</StatusMark>
    );
  }
  if (failingSince !== undefined) return <StatusMark tone="bad">Stale since {formatTime(answeredAt, now)}</StatusMark>;
  return (
    <StatusMark tone="good">
      Live<span className={classes.liveTime}> {formatTime(answeredAt, now)}</span>
    </StatusMark>
  );
}

/** The reason for missing figures, since when, and the next step. */
export function StaleBanner({ state }: { state: ClusterState }) {
  const { answeredAt, failingSince, failure, source } = state;
  if (failingSince === undefined) return null;
  const now = Date.now();
  return (
    <div role="alert" className={classes.stale}>
      <StatusMark tone="bad">{answeredAt === undefined ? 'No figures' : 'Stale'}</StatusMark>
      <p>
        {failure}{' '}
        {answeredAt === undefined
          ? `The page has tried since ${formatTime(failingSince, now)}.`
          : `The last answer came at ${formatTime(answeredAt, now)}: the figures below are that old.`}{' '}
        {source?.local
          ? 'Look at the terminal of npm start: if it has ended, start it again. The page continues on its own.'
          : 'Check that this process runs and that Redis (cache) answers; the page of another process shows the same cluster. The page continues on its own.'}
      </p>
    </div>
  );
}
