import { Button } from '@mantine/core';
import classes from './failure-page.module.css';
import { Icon } from './icon.tsx';

interface FailurePageProps {
  title: string;
  /** The reason, in one sentence. */
  problem: string;
  /** The remedy. */
  action: { label: string; run(): void };
}

/** A failure that leaves nothing else to show, and the button that may remedy it. */
export function FailurePage({ title, problem, action }: FailurePageProps) {
  return (
    <div className={classes.failure} role="alert">
      <Icon name="warning" size={32} />
      <h1>{title}</h1>
      <p>{problem}</p>
      <Button onClick={action.run}>{action.label}</Button>
    </div>
  );
}
