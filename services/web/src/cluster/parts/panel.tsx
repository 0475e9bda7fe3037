import { useId } from 'react';
import classes from './panel.module.css';

interface PanelProps {
  title: string;
  /** Target of links within the page. */
  id: string;
  /** Beside the title: a count or a state. */
  note?: React.ReactNode;
  /** At the end of the line of the title. */
  actions?: React.ReactNode;
  /** The content reaches the border of the panel, as tables do. */
  children: React.ReactNode;
}

/** A named region with a border. */
export function Panel({ title, id, note, actions, children }: PanelProps) {
  const heading = useId();
  return (
    <section className={classes.panel} id={id} aria-labelledby={heading}>
      <header className={classes.head}>
        <h2 className={classes.title} id={heading}>
          {title}
        </h2>
        {note !== undefined && <span className={classes.note}>{note}</span>}
        {actions !== undefined && <span className={classes.actions}>{actions}</span>}
      </header>
      <div className={classes.body}>{children}</div>
    </section>
  );
}

/** A sentence in place of rows: the missing items, and the reason. */
export function Nothing({ children }: { children: React.ReactNode }) {
  return <p className={classes.nothing}>{children}</p>;
}
