import type { ProcessState } from '@chat-cluster/contracts';
import { formatAge, formatBytes, formatCount, formatDuration } from '../data/format-figures.ts';
import type { Column } from '../parts/data-table.tsx';
import { Figure } from '../parts/figure.tsx';
import { StatusMark, type Tone } from '../parts/status-mark.tsx';
import { LIMITS } from './limits.ts';
import classes from './processes.module.css';

const TONES: Record<ProcessState['state'], Tone> = { ready: 'good', starting: 'busy', draining: 'busy', silent: 'bad' };
/** States that need attention come first when the table is sorted by state. */
const ORDER: Record<ProcessState['state'], number> = { silent: 0, draining: 1, starting: 2, ready: 3 };

/** Name, state, age and version: the first columns of both tables. */
export function identityColumns<Row extends ProcessState>(title: string, at: number, total: string): Column<Row>[] {
  return [
    {
      key: 'name',
      title,
      cell: ({ name, host, pid }) => (
        <span className={classes.name} title={`${name} on ${host}, process ${pid}`}>
          {name}
        </span>
      ),
      value: ({ name }) => name,
      total,
    },
    {
      key: 'state',
      title: 'State',
      cell: (row) => <StatusMark tone={TONES[row.state]}>{describeState(row, at)}</StatusMark>,
      value: ({ state }) => ORDER[state],
    },
    {
      key: 'snapshot',
      title: 'Snapshot',
      hint: 'Time since its last snapshot; a process writes one every 2 s',
      cell: ({ snapshotAgeMs }) => formatAge(snapshotAgeMs),
      value: ({ snapshotAgeMs }) => snapshotAgeMs,
      numeric: true,
    },
    {
      key: 'age',
      title: 'Age',
      hint: 'Time since its start',
      cell: ({ startedAt }) => formatAge(at - startedAt),
      value: ({ startedAt }) => at - startedAt,
      numeric: true,
    },
    {
      key: 'version',
      title: 'Version',
      cell: ({ version }) => version,
      value: ({ version }) => version,
    },
  ];
}

/** Event loop, CPU and memory: the last columns of both tables. */
export function resourceColumns<Row extends ProcessState>(rows: readonly Row[]): Column<Row>[] {
  return [
    {
      key: 'loop',
      title: 'Loop p99',
      hint: 'Delay of the event loop, 99th percentile',
      cell: ({ eventLoopP99Ms }) => (
        <Figure exceeds={eventLoopP99Ms > LIMITS.eventLoopP99Ms && 'More than 200 ms'}>
          {formatDuration(eventLoopP99Ms)}
        </Figure>
      ),
      value: ({ eventLoopP99Ms }) => eventLoopP99Ms,
      numeric: true,
      total: `≤ ${formatDuration(Math.max(...rows.map(({ eventLoopP99Ms }) => eventLoopP99Ms)))}`,
    },
    {
      key: 'cpu',
      title: 'CPU',
      hint: 'Of one core',
      cell: ({ cpuPercent }) => `${Math.round(cpuPercent)} %`,
      value: ({ cpuPercent }) => cpuPercent,
      numeric: true,
      total: `${formatCount(sum(rows, ({ cpuPercent }) => cpuPercent))} %`,
    },
    {
      key: 'memory',
      title: 'Memory',
      hint: 'Of the process; the heap is a part of it',
      cell: ({ memoryBytes, heapBytes }) => (
        <Figure exceeds={memoryBytes > LIMITS.memoryBytes && 'More than 850 MB'}>
          <span title={`${formatBytes(heapBytes)} of it are heap`}>{formatBytes(memoryBytes)}</span>
        </Figure>
      ),
      value: ({ memoryBytes }) => memoryBytes,
      numeric: true,
      total: formatBytes(sum(rows, ({ memoryBytes }) => memoryBytes)),
    },
  ];
}

export function processTone({ state }: ProcessState): 'bad' | undefined {
  return state === 'silent' ? 'bad' : undefined;
}

export function sum<Row>(rows: readonly Row[], figure: (row: Row) => number): number {
  return rows.reduce((total, row) => total + figure(row), 0);
}

function describeState({ state, drainEndsAt, snapshotAgeMs }: ProcessState, at: number): string {
  if (state === 'ready') return 'Ready';
  if (state === 'starting') return 'Starting';
  if (state === 'silent') return `Silent for ${formatAge(snapshotAgeMs)}`;
  return drainEndsAt === undefined ? 'Draining' : `Draining, ${formatAge(drainEndsAt - at)} left`;
}
