import { SegmentedControl, VisuallyHidden } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useMemo } from 'react';
import { type StoreApi, useStore } from 'zustand';
import { PageFrame } from '../../ui/page-frame.tsx';
import { UserName } from '../../ui/user-name.tsx';
import { visibleText } from '../../ui/visible-text.ts';
import { Pane } from '../pane/pane.tsx';
import { useDocumentBadge } from '../use-document-badge.ts';
import { LedgerStrip } from './ledger-strip.tsx';
import classes from './local-page.module.css';
import { LocalPaneBar } from './local-pane-bar.tsx';
import type { LocalPanes, PaneIndex } from './local-panes.ts';
import { NARROW } from './narrow.ts';
import type { Traffic } from './traffic.ts';

const INDEXES: readonly PaneIndex[] = [0, 1];

/** Two users of a local cluster, side by side. */
export function LocalPage({ panes, traffic }: { panes: LocalPanes; traffic: StoreApi<Traffic> }) {
  const { panes: pair, single } = useStore(panes.state);
  const isNarrow = useMediaQuery(NARROW, undefined, { getInitialValueInEffect: false });
  useDocumentBadge(useMemo(() => pair.map(({ session }) => session.client), [pair]));
  const shown = isNarrow ? (single ?? 0) : single;
  const names = pair.map(({ session }) => session.user ?? '');
  return (
    <PageFrame
      page="chat"
      hasCluster
      actions={
        <SegmentedControl
          size="xs"
          aria-label="Shown users"
          data={[
            ...(isNarrow ? [] : [{ value: 'both', label: 'Both' }]),
            ...INDEXES.map((index) => ({
              value: String(index),
              label: <UserName className={classes.choice} id={names[index] ?? ''} />,
            })),
          ]}
          value={shown === undefined ? 'both' : String(shown)}
          onChange={(value) => panes.setSingle(value === 'both' ? undefined : value === '1' ? 1 : 0)}
        />
      }
    >
      <div className={classes.page}>
        <VisuallyHidden component="h1">Chat</VisuallyHidden>
        <div className={classes.panes}>
          {INDEXES.filter((index) => shown === undefined || shown === index).map((index) => (
            <Pane
              key={index}
              session={pair[index].session}
              view={pair[index].view}
              label={`Chat of ${visibleText(names[index] ?? '')}`}
              bar={<LocalPaneBar panes={panes} index={index} />}
            />
          ))}
        </div>
        <LedgerStrip ledger={panes.ledger} traffic={traffic} canWrite={names[0] !== names[1]} isNarrow={isNarrow} />
      </div>
    </PageFrame>
  );
}
