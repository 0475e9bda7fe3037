import classes from './status-mark.module.css';

/** The attention that a state needs. Each tone has a shape of its own, so that color is never needed to read it. */
export type Tone = 'good' | 'busy' | 'warning' | 'bad' | 'off';

const SHAPES: Record<Tone, string> = {
  // Disc, half disc, triangle, cross, ring.
  good: 'M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10z',
  busy: 'M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10zM6 2.5v7a3.5 3.5 0 1 1 0-7z',
  warning: 'M6 0.8l5.6 10.2h-11.2z',
  bad: 'M2.6 0.6L6 4l3.4-3.4l2 2L8 6l3.4 3.4l-2 2L6 8l-3.4 3.4l-2-2L4 6L0.6 2.6z',
  off: 'M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10zM6 2.5a3.5 3.5 0 1 1 0 7a3.5 3.5 0 1 1 0-7z',
};

/** A shape beside the text of a state. The text carries the meaning. */
export function StatusMark({ tone, children }: { tone: Tone; children: React.ReactNode }) {
  return (
    <span className={classes.mark} data-tone={tone}>
      <svg className={classes.shape} viewBox="0 0 12 12" aria-hidden="true">
        <path d={SHAPES[tone]} fillRule="evenodd" />
      </svg>
      <span>{children}</span>
    </span>
  );
}
