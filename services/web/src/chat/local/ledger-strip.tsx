import { ActionIcon, Slider, Switch } from '@mantine/core';
import { useState } from 'react';
import { type StoreApi, useStore } from 'zustand';
import { formatNumber, formatTime } from '../../ui/formats.ts';
import { Icon } from '../../ui/icon.tsx';
import type { LedgerDirection, LedgerTotals } from '../../ui/ledger.ts';
import { UserName } from '../../ui/user-name.tsx';
import type { Ledger } from './ledger.ts';
import classes from './ledger-strip.module.css';
import { MAX_RATE, type Traffic } from './traffic.ts';
import { useLedger } from './use-ledger.ts';

interface LedgerStripProps {
  ledger: Ledger;
  traffic: StoreApi<Traffic>;
  /** The panes have different users. */
  canWrite: boolean;
  isNarrow: boolean;
}

type LedgerField = Exclude<keyof LedgerDirection, 'from' | 'to'>;

const COLUMNS: readonly { label: string; field: LedgerField; isFault?: true }[] = [
  { label: 'Sent', field: 'sent' },
  { label: 'Stored', field: 'stored' },
  { label: 'Received', field: 'received' },
  { label: 'Missing', field: 'missing', isFault: true },
  { label: 'Duplicates', field: 'duplicates', isFault: true },
  { label: 'Out of order', field: 'outOfOrder', isFault: true },
];

/** Counts of the messages between the panes, from the events of their clients. On a phone it opens from one line. */
export function LedgerStrip({ ledger, traffic, canWrite, isNarrow }: LedgerStripProps) {
  const totals = useLedger(ledger);
  const [isOpen, setOpen] = useState(false);
  return (
    <section className={classes.strip} aria-label="Ledger">
      {isNarrow && (
        <button type="button" className={classes.summary} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          <Icon name="chart" size={16} />
          {summaryOf(totals)}
          <Icon name={isOpen ? 'down' : 'up'} size={14} />
        </button>
      )}
      {(!isNarrow || isOpen) && (
        <>
          <div>
            {isNarrow ? <NarrowTable totals={totals} /> : <LedgerTable totals={totals} />}
            <ChangesLine totals={totals} />
          </div>
          {canWrite && <TrafficControl traffic={traffic} onReset={() => ledger.restart()} />}
        </>
      )}
    </section>
  );
}

function summaryOf({ directions }: LedgerTotals): string {
  const sum = (field: LedgerField) => formatNumber(directions.reduce((total, one) => total + one[field], 0));
  return `${sum('sent')} sent, ${sum('received')} received, ${sum('missing')} missing`;
}

function LedgerTable({ totals: { since, directions } }: { totals: LedgerTotals }) {
  return (
    <table className={classes.table}>
      <caption className={classes.caption}>Messages between the panes since {formatTime(since)}</caption>
      <thead>
        <tr>
          <th scope="col">Direction</th>
          {COLUMNS.map(({ label }) => (
            <th key={label} scope="col">
              {label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {directions.map((direction) => (
          <tr key={direction.from}>
            <th scope="row">
              <Direction of={direction} />
            </th>
            {COLUMNS.map(({ label, field, isFault }) => (
              <td key={label} data-fault={isFault && direction[field] > 0}>
                {formatNumber(direction[field])}
              </td>
            ))}
          </tr>
        ))}
        {directions.length === 0 && (
          <tr>
            <td colSpan={7} className={classes.none}>
              {SAME_USER}
            </td>
          </tr>
        )}
      </tbody>
    </table>
  );
}

const SAME_USER = 'Both panes have the same user: two devices, and nothing to count.';

/** On a phone the directions are columns: there are two of them, and six figures. */
function NarrowTable({ totals: { since, directions } }: { totals: LedgerTotals }) {
  if (directions.length === 0) return <p className={classes.changes}>{SAME_USER}</p>;
  return (
    <table className={classes.table}>
      <caption className={classes.caption}>Messages between the panes since {formatTime(since)}</caption>
      <thead>
        <tr>
          <td />
          {directions.map((direction) => (
            <th key={direction.from} scope="col">
              <Direction of={direction} />
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {COLUMNS.map(({ label, field, isFault }) => (
          <tr key={label}>
            <th scope="row">{label}</th>
            {directions.map((direction) => (
              <td key={direction.from} data-fault={isFault && direction[field] > 0}>
                {formatNumber(direction[field])}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** "alice → bob". A long id is cut by itself, and does not hide the other one. */
function Direction({ of: { from, to } }: { of: LedgerDirection }) {
  return (
    <span className={classes.direction}>
      <UserName className={classes.party} id={from} />
      <span className={classes.direction}>
        {' → '}
        <UserName className={classes.party} id={to} />
      </span>
    </span>
  );
}

/** The edits, deletions and reactions that each pane has. */
function ChangesLine({ totals: { changes } }: { totals: LedgerTotals }) {
  if (changes.every(({ count }) => count === 0)) return null;
  return (
    <p className={classes.changes} data-differs={changes.some(({ count }) => count !== changes[0]?.count)}>
      Changes of messages:{' '}
      {changes.map(({ user, count }, index) => (
        <span key={user}>
          {index > 0 && ', '}
          <UserName id={user} /> has {formatNumber(count)}
        </span>
      ))}
    </p>
  );
}

function TrafficControl({ traffic, onReset }: { traffic: StoreApi<Traffic>; onReset(): void }) {
  const { isOn, perSecond, start, stop, setRate } = useStore(traffic);
  return (
    <div className={classes.traffic}>
      <Switch
        size="xs"
        label="Traffic"
        checked={isOn}
        onChange={({ currentTarget }) => (currentTarget.checked ? start() : stop())}
      />
      <Slider
        className={classes.rate}
        size="xs"
        label={null}
        min={1}
        max={MAX_RATE}
        value={perSecond}
        onChange={setRate}
        thumbLabel="Messages per second"
      />
      <span className={classes.rateText}>{perSecond} / s</span>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label="Reset the ledger"
        title="Reset the ledger"
        onClick={onReset}
      >
        <Icon name="refresh" size={16} />
      </ActionIcon>
    </div>
  );
}
