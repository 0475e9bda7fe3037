import { Button } from '@mantine/core';
import classes from '../../ui/dialog.module.css';
import { Dialog } from '../../ui/dialog.tsx';

interface ConfirmDialogProps {
  title: React.ReactNode;
  /** The effects of the action, and whether it can be undone. */
  children: React.ReactNode;
  /** The verb of the action. */
  confirm: string;
  /** True: the action cannot be undone. */
  final?: boolean;
  onConfirm: () => void;
  onClose: () => void;
}

/** Confirms an action that people notice or that cannot be undone. Cancel has the focus first. */
export function ConfirmDialog({ title, children, confirm, final = false, onConfirm, onClose }: ConfirmDialogProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <div className={classes.text}>{children}</div>
      <div className={classes.buttons}>
        <Button variant="default" onClick={onClose} autoFocus>
          Cancel
        </Button>
        <Button
          {...(final && { color: 'red.9' })}
          onClick={() => {
            onClose();
            onConfirm();
          }}
        >
          {confirm}
        </Button>
      </div>
    </Dialog>
  );
}
