import type { Hole } from '@chat-cluster/client';
import { useState } from 'react';
import { formatNumber } from '../../ui/formats.ts';
import { Icon } from '../../ui/icon.tsx';
import classes from './message.module.css';

interface HoleMarkProps {
  hole: Hole;
  onLoad(hole: Hole): Promise<void>;
}

/** Marks messages that this device has not loaded, and loads them. */
export function HoleMark({ hole, onLoad }: HoleMarkProps) {
  const [isLoading, setLoading] = useState(false);
  const [problem, setProblem] = useState<string>();
  const count = hole.toSeq - hole.fromSeq + 1;
  const load = () => {
    setLoading(true);
    setProblem(undefined);
    onLoad(hole)
      .catch((error: Error) => setProblem(error.message))
      .finally(() => setLoading(false));
  };
  return (
    <div className={classes.hole} role="note">
      <Icon name="gap" size={16} />
      <span>
        {count === 1 ? '1 message is not loaded' : `${formatNumber(count)} messages are not loaded`}
        {problem && <span className={classes.holeProblem}> · {problem}</span>}
      </span>
      <button type="button" onClick={load} disabled={isLoading}>
        {isLoading ? 'Loading …' : problem ? 'Try again' : count > 200 ? 'Load 200' : 'Load'}
      </button>
    </div>
  );
}
