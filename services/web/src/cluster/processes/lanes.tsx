import type { LaneState } from '@chat-cluster/contracts';
import { useMemo } from 'react';
import { formatAge, formatCount, formatDuration, NONE } from '../data/format-figures.ts';
import { type Column, DataTable } from '../parts/data-table.tsx';
import { Figure } from '../parts/figure.tsx';
import { Nothing, Panel } from '../parts/panel.tsx';
import { StatusMark } from '../parts/status-mark.tsx';
import { LIMITS } from './limits.ts';

const laneOf = ({ lane }: LaneState) => lane;

export function Lanes({ lanes, at }: { lanes: readonly LaneState[]; at: number }) {
  const columns = useMemo(() => columnsOf(at), [at]);
  return (
    <Panel title="Lanes" id="lanes" note={noteOf(lanes)}>
      {lanes.length === 0 ? (
        <Nothing>The lanes could not be read.</Nothing>
      ) : (
        <DataTable
          label="Lanes"
          columns={columns}
          rows={lanes}
          keyOf={laneOf}
          nameOf={laneOf}
          sortedBy={{ column: 'lane', descending: false }}
          toneOf={toneOf}
        />
      )}
    </Panel>
  );
}

/** A fault is stated once: usually all lanes of a server have the same one. */
function noteOf(lanes: readonly LaneState[]): string {
  const free = lanes.filter(({ worker, fault }) => worker === undefined && fault === undefined).length;
  const faults = new Set(lanes.flatMap(({ fault }) => (fault === undefined ? [] : [fault])));
  return [...(free === 0 ? [] : [`${free} without a worker`]), ...faults].join(' · ');
}

function toneOf({ worker, fault }: LaneState): 'bad' | 'warning' | undefined {
  if (fault !== undefined) return 'warning';
  return worker === undefined ? 'bad' : undefined;
}

function columnsOf(at: number): Column<LaneState>[] {
  return [
    { key: 'lane', title: 'Lane', cell: ({ lane }) => lane, value: ({ lane }) => lane },
    { key: 'worker', title: 'Worker', cell: (row) => <Holder lane={row} />, value: ({ worker }) => worker },
    {
      key: 'held',
      title: 'Held for',
      cell: ({ heldSince }) => (heldSince === undefined ? NONE : formatAge(at - heldSince)),
      value: ({ heldSince }) => (heldSince === undefined ? undefined : at - heldSince),
      numeric: true,
    },
    {
      key: 'batches',
      title: 'Batches',
      hint: 'That wait in the lane',
      cell: ({ batches, fault }) => (fault === undefined ? formatCount(batches) : NONE),
      value: ({ batches, fault }) => (fault === undefined ? batches : undefined),
      numeric: true,
    },
    {
      key: 'oldest',
      title: 'Oldest',
      hint: 'Age of the oldest batch',
      cell: ({ oldestMs, fault }) =>
        fault === undefined ? (
          <Figure exceeds={oldestMs > LIMITS.oldestEntryMs && 'More than 5 s'}>{formatDuration(oldestMs)}</Figure>
        ) : (
          NONE
        ),
      value: ({ oldestMs, fault }) => (fault === undefined ? oldestMs : undefined),
      numeric: true,
    },
    {
      key: 'givenUp',
      title: 'Given up',
      hint: 'Entries that could not be stored',
      cell: ({ givenUp, fault }) => (fault === undefined ? formatCount(givenUp) : NONE),
      value: ({ givenUp, fault }) => (fault === undefined ? givenUp : undefined),
      numeric: true,
    },
  ];
}

function Holder({ lane: { worker, fault } }: { lane: LaneState }) {
  if (fault !== undefined) {
    return (
      <StatusMark tone="warning">
        <span title={fault}>Unreadable</span>
      </StatusMark>
    );
  }
  return worker === undefined ? <StatusMark tone="bad">None</StatusMark> : worker;
}
