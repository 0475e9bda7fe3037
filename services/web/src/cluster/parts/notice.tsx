import type { ActionResult } from '@chat-cluster/contracts';
import classes from './notice.module.css';
import { StatusMark, type Tone } from './status-mark.tsx';

/** The result of an action, as a sentence, with the items that failed. */
export interface Outcome {
  tone: Tone;
  text: string;
  failed?: ActionResult['failed'];
}

/** Announced by screen readers when it changes. Empty until there is an outcome. */
export function OutcomeNotice({ outcome }: { outcome: Outcome | undefined }) {
  return (
    <div role="status" className={outcome ? classes.outcome : classes.waiting}>
      {outcome && (
        <>
          <StatusMark tone={outcome.tone}>
            <span className={classes.text}>{outcome.text}</span>
          </StatusMark>
          {outcome.failed !== undefined && outcome.failed.length > 0 && (
            <ul className={classes.failed}>
              {outcome.failed.map(({ id, reason }) => (
                <li key={id}>
                  <code>{id}</code> {reason}
                </li>
              ))}
            </ul>
          )}
        </>
      )}
    </div>
  );
}
