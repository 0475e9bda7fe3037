import { Button } from '@mantine/core';
import { useState } from 'react';
import { UserName } from '../../ui/user-name.tsx';
import type { ClusterSource } from '../data/cluster-source.ts';
import { ConfirmDialog } from '../parts/confirm-dialog.tsx';
import { OutcomeNotice } from '../parts/notice.tsx';
import { useAction } from '../parts/use-action.ts';
import classes from './lookup.module.css';

interface UserActionsProps {
  userId: string;
  source: ClusterSource;
  canAct: boolean;
  onDone: () => void;
}

export function UserActions({ userId, source, canAct, onDone }: UserActionsProps) {
  const [confirming, setConfirming] = useState<'disconnect' | 'revoke'>();
  const { running, outcome, run } = useAction();
  const close = () => setConfirming(undefined);
  return (
    <>
      <div className={classes.buttons}>
        {!canAct && <span className={classes.why}>Read-only: the cluster has no ADMIN_TOKEN.</span>}
        <Button variant="default" size="xs" disabled={!canAct || running} onClick={() => setConfirming('disconnect')}>
          Disconnect
        </Button>
        <Button variant="default" size="xs" disabled={!canAct || running} onClick={() => setConfirming('revoke')}>
          Revoke tokens
        </Button>
      </div>
      <OutcomeNotice outcome={outcome} />
      {confirming === 'disconnect' && (
        <ConfirmDialog
          title={
            <>
              Disconnect <UserName id={userId} />?
            </>
          }
          confirm="Disconnect"
          onClose={close}
          onConfirm={() => void run(() => source.disconnect(userId), onDone)}
        >
          <p>All connections of the user are closed. Clients reconnect with their tokens, usually within seconds.</p>
          <p>Nothing is lost: messages are delivered when the clients are back.</p>
        </ConfirmDialog>
      )}
      {confirming === 'revoke' && (
        <ConfirmDialog
          title={
            <>
              Revoke the tokens of <UserName id={userId} />?
            </>
          }
          confirm="Revoke tokens"
          final
          onClose={close}
          onConfirm={() => void run(() => source.revoke(userId), onDone)}
        >
          <p>
            Every token of the user that was issued until now is rejected, on all gateways, and the connections are
            closed. The clients stay away.
          </p>
          <p>This cannot be undone. The user connects again with a new token of your application.</p>
        </ConfirmDialog>
      )}
    </>
  );
}
