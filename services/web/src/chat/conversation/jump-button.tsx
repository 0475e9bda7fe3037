import { VisuallyHidden } from '@mantine/core';
import { formatNumber } from '../../ui/formats.ts';
import { Icon } from '../../ui/icon.tsx';
import classes from './message-list.module.css';

interface JumpButtonProps {
  /** New messages below the screen. */
  count: number;
  onJump(): void;
}

export function JumpButton({ count, onJump }: JumpButtonProps) {
  return (
    <button type="button" className={classes.jump} data-new={count > 0} onClick={onJump}>
      <Icon name="down" size={16} />
      {count > 0 ? `${formatNumber(count)} new` : 'Jump to newest'}
      {count > 0 && <VisuallyHidden>: jump to newest</VisuallyHidden>}
    </button>
  );
}
