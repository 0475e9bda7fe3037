import type { ReactNode } from 'react';
import classes from './composer.module.css';

interface ReadOnlyNoteProps {
  children: ReactNode;
  action?: { label: string; run(): void };
}

/** In place of the composer: why the user cannot write here. */
export function ReadOnlyNote({ children, action }: ReadOnlyNoteProps) {
  return (
    <div className={classes.composer}>
      <p className={classes.note} role="status">
        {children}
        {action && (
          <button type="button" onClick={action.run}>
            {action.label}
          </button>
        )}
      </p>
    </div>
  );
}
