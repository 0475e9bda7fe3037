import { useEffect, useState } from 'react';
import { LEDGER_CHANNEL, type LedgerTotals } from '../../ui/ledger.ts';
import { openTabChannel } from '../../ui/tab-channel.ts';
import { UserName } from '../../ui/user-name.tsx';
import { formatCount, formatTime } from '../data/format-figures.ts';
import { type Column, DataTable } from '../parts/data-table.tsx';
import { Figure } from '../parts/figure.tsx';
import classes from './local.module.css';

type Direction = LedgerTotals['directions'][number];

const keyOf = ({ from, to }: Direction) => `${from} → ${to}`;

const COLUMNS: Column<Direction>[] = [
  { key: 'direction', title: 'From → to', cell: (row) => <Users {...row} /> },
  { key: 'sent', title: 'Sent', cell: ({ sent }) => formatCount(sent), numeric: true },
  { key: 'stored', title: 'Stored', cell: ({ stored }) => formatCount(stored), numeric: true },
  { key: 'received', title: 'Received', cell: ({ received }) => formatCount(received), numeric: true },
  {
    key: 'missing',
    title: 'Missing',
    hint: 'Stored, but not received yet: under way, or lost if the number stays',
    cell: ({ missing }) => (
      <Figure exceeds={missing > 0 && 'Under way, or lost if the number stays'}>{formatCount(missing)}</Figure>
    ),
    numeric: true,
  },
  {
    key: 'duplicates',
    title: 'Duplicates',
    cell: ({ duplicates }) => (
      <Figure exceeds={duplicates > 0 && 'A message was received twice'}>{formatCount(duplicates)}</Figure>
    ),
    numeric: true,
  },
  {
    key: 'order',
    title: 'Out of order',
    cell: ({ outOfOrder }) => (
      <Figure exceeds={outOfOrder > 0 && 'A message was received after a later one'}>{formatCount(outOfOrder)}</Figure>
    ),
    numeric: true,
  },
];

function Users({ from, to }: Pick<Direction, 'from' | 'to'>) {
  return (
    <>
      <UserName className={classes.party} id={from} /> → <UserName className={classes.party} id={to} />
    </>
  );
}

/** Counts of the messages between the two panes of the chat page, which report from another tab of this browser. */
export function Ledger() {
  const totals = useLedger();
  return (
    <>
      <div className={classes.ledgerHead}>
        <h3 className={classes.subtitle}>Ledger of the two panes</h3>
        <span className={classes.since}>{totals && `Since ${formatTime(totals.since, Date.now())}`}</span>
        <a className={classes.open} href="/" target="_blank" rel="noreferrer" onClick={openBeside}>
          Open two users in a window
        </a>
      </div>
      {!totals || totals.directions.length === 0 ? (
        <p className={classes.nothing}>
          Open two users in a window beside this one, switch their traffic on, and kill a gateway here: nothing is lost
          and nothing is received twice. They write only while their window is visible.
        </p>
      ) : (
        <DataTable label="Ledger" columns={COLUMNS} rows={totals.directions} keyOf={keyOf} nameOf={keyOf} />
      )}
      {totals?.changes?.some(({ count }) => count > 0) && (
        <p className={classes.nothing}>
          Changes of messages:{' '}
          {totals.changes.map(({ user, count }, index) => (
            <span key={user}>
              {index > 0 && ', '}
              <UserName id={user} /> has {formatCount(count)}
            </span>
          ))}
        </p>
      )}
    </>
  );
}

/** Beside this window, because the panes write nothing in a tab that is hidden. */
function openBeside(event: React.MouseEvent): void {
  if (window.open('/', 'chat-panes', 'popup,width=1180,height=820')) event.preventDefault();
}

function useLedger(): LedgerTotals | undefined {
  const [totals, setTotals] = useState<LedgerTotals>();
  useEffect(() => openTabChannel<LedgerTotals>(LEDGER_CHANNEL, setTotals).close, []);
  return totals;
}
