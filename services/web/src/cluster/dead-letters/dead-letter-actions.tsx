import { Button } from '@mantine/core';
import { useState } from 'react';
import type { ClusterSource } from '../data/cluster-source.ts';
import { ConfirmDialog } from '../parts/confirm-dialog.tsx';
import { OutcomeNotice } from '../parts/notice.tsx';
import { useAction } from '../parts/use-action.ts';
import classes from './dead-letters.module.css';

interface DeadLetterActionsProps {
  source: ClusterSource;
  canAct: boolean;
  /** The selected ids. */
  ids: readonly string[];
  /** No more can be selected. */
  full: boolean;
  onDone: () => void;
  /** Selects everything. */
  children: React.ReactNode;
}

export function DeadLetterActions({ source, canAct, ids, full, onDone, children }: DeadLetterActionsProps) {
  const [confirming, setConfirming] = useState<'replay' | 'drop'>();
  const { running, outcome, run } = useAction();
  const count = `${ids.length} dead ${ids.length === 1 ? 'letter' : 'letters'}`;
  const close = () => setConfirming(undefined);
  const disabled = !canAct || running || ids.length === 0;
  return (
    <>
      <div className={classes.actions}>
        {children}
        <span className={classes.count}>
          {canAct
            ? `${ids.length} selected${full ? ', the most for one action' : ''}`
            : 'Read-only: the cluster has no ADMIN_TOKEN.'}
        </span>
        <Button size="xs" disabled={disabled} loading={running} onClick={() => setConfirming('replay')}>
          Replay
        </Button>
        <Button size="xs" variant="default" disabled={disabled} onClick={() => setConfirming('drop')}>
          Drop
        </Button>
      </div>
      <OutcomeNotice outcome={outcome} />
      {confirming === 'replay' && (
        <ConfirmDialog
          title={`Replay ${count}?`}
          confirm="Replay"
          onClose={close}
          onConfirm={() => void run(() => source.replay(ids), onDone)}
        >
          <p>The entries return to their lanes and are stored as if they were new. Participants receive them now.</p>
          <p>An entry that was stored in the meantime is recognised by its id and not stored twice.</p>
        </ConfirmDialog>
      )}
      {confirming === 'drop' && (
        <ConfirmDialog
          title={`Drop ${count}?`}
          confirm="Drop"
          final
          onClose={close}
          onConfirm={() => void run(() => source.drop(ids), onDone)}
        >
          <p>The entries are deleted and cannot be restored. Their senders have received REJECTED.</p>
        </ConfirmDialog>
      )}
    </>
  );
}
