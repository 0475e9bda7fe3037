import type { WorkerState } from '@chat-cluster/contracts';
import { useMemo } from 'react';
import { formatDuration, formatRate } from '../data/format-figures.ts';
import { compareNames } from '../data/sort-rows.ts';
import { type Column, DataTable } from '../parts/data-table.tsx';
import { Figure } from '../parts/figure.tsx';
import { Nothing, Panel } from '../parts/panel.tsx';
import { LIMITS } from './limits.ts';
import { identityColumns, processTone, resourceColumns, sum } from './process-columns.tsx';
import classes from './processes.module.css';

const idOf = ({ id }: WorkerState) => id;
const nameOf = ({ name }: WorkerState) => name;

export function Workers({ workers, at }: { workers: readonly WorkerState[]; at: number }) {
  const columns = useMemo(() => columnsOf(workers, at), [workers, at]);
  return (
    <Panel title="Workers" id="workers">
      {workers.length === 0 ? (
        <Nothing>No worker reports. Messages wait in Redis until one starts.</Nothing>
      ) : (
        <DataTable
          label="Workers"
          columns={columns}
          rows={workers}
          keyOf={idOf}
          nameOf={nameOf}
          sortedBy={{ column: 'name', descending: false }}
          toneOf={processTone}
        />
      )}
    </Panel>
  );
}

function columnsOf(workers: readonly WorkerState[], at: number): Column<WorkerState>[] {
  return [
    ...identityColumns<WorkerState>('Worker', at, `All ${workers.length}`),
    {
      key: 'lanes',
      title: 'Lanes held',
      cell: ({ lanesHeld }) => <LanesHeld lanes={lanesHeld} />,
      value: ({ lanesHeld }) => lanesHeld.length,
      numeric: true,
      total: sum(workers, ({ lanesHeld }) => lanesHeld.length),
    },
    {
      key: 'oldest',
      title: 'Oldest entry',
      hint: 'Age of the oldest entry of the lanes that it holds',
      cell: ({ oldestEntryMs }) => (
        <Figure exceeds={oldestEntryMs > LIMITS.oldestEntryMs && 'More than 5 s'}>
          {formatDuration(oldestEntryMs)}
        </Figure>
      ),
      value: ({ oldestEntryMs }) => oldestEntryMs,
      numeric: true,
      total: `≤ ${formatDuration(Math.max(...workers.map(({ oldestEntryMs }) => oldestEntryMs)))}`,
    },
    {
      key: 'batch',
      title: 'Batch',
      hint: 'Entries per batch, on average',
      cell: ({ entriesPerBatch }) => formatRate(entriesPerBatch),
      value: ({ entriesPerBatch }) => entriesPerBatch,
      numeric: true,
    },
    {
      key: 'store',
      title: 'Store p99',
      hint: 'Time to store a batch in Postgres, 99th percentile',
      cell: ({ storeP99Ms }) => formatDuration(storeP99Ms),
      value: ({ storeP99Ms }) => storeP99Ms,
      numeric: true,
      total: `≤ ${formatDuration(Math.max(...workers.map(({ storeP99Ms }) => storeP99Ms)))}`,
    },
    {
      key: 'stored',
      title: 'Stored/s',
      cell: ({ storedPerSecond }) => formatRate(storedPerSecond),
      value: ({ storedPerSecond }) => storedPerSecond,
      numeric: true,
      total: formatRate(sum(workers, ({ storedPerSecond }) => storedPerSecond)),
    },
    ...resourceColumns(workers),
  ];
}

function LanesHeld({ lanes }: { lanes: readonly string[] }) {
  const names = lanes.toSorted(compareNames).join(', ');
  return (
    <span className={classes.lanesHeld} title={names}>
      {lanes.length}
      {lanes.length > 0 && <span className={classes.laneNames}>{names}</span>}
    </span>
  );
}
