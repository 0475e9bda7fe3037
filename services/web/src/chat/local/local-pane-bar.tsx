import type { ChatClient } from '@chat-cluster/client';
import { useSyncExternalStore } from 'react';
import { useStore } from 'zustand';
import classes from '../pane/pane.module.css';
import { PaneBar } from '../pane/pane-bar.tsx';
import { ChooseUser } from './choose-user.tsx';
import type { LocalPanes, PaneIndex } from './local-panes.ts';

/** The bar of a pane: its gateway, the move to another one, and the choice of the user. */
export function LocalPaneBar({ panes, index }: { panes: LocalPanes; index: PaneIndex }) {
  const pair = useStore(panes.state, (state) => state.panes);
  const own = useGateway(pair[index].session.client);
  const other = useGateway(pair[index === 0 ? 1 : 0].session.client);
  const isBoth = useStore(panes.state, (state) => state.single === undefined);
  const isSame = isBoth && own !== undefined && own === other && panes.gateways > 1;
  return (
    <PaneBar>
      {isSame && (
        <button
          type="button"
          className={classes.move}
          title="Both panes are on one gateway. Moves this one to another."
          onClick={() => panes.separate(index)}
        >
          Same gateway · move
        </button>
      )}
      <ChooseUser current={pair[index].session.user ?? ''} onChoose={(user) => panes.setUser(index, user)} />
    </PaneBar>
  );
}

/** The gateway of a client while it is live. */
function useGateway(client: ChatClient): string | undefined {
  return useSyncExternalStore(
    (listener) => client.on('status', listener),
    () => (client.status.state === 'live' ? client.status.gatewayId : undefined),
  );
}
