import type { PostgresState, RedisState } from '@chat-cluster/contracts';
import { useMemo } from 'react';
import { formatBytes, formatCount, formatDuration, formatRate, NONE } from '../data/format-figures.ts';
import { type Column, DataTable } from '../parts/data-table.tsx';
import { Figure } from '../parts/figure.tsx';
import { Panel } from '../parts/panel.tsx';
import { ShareBar } from '../parts/share-bar.tsx';
import { StatusMark } from '../parts/status-mark.tsx';
import { LIMITS } from './limits.ts';
import classes from './processes.module.css';

/** One server in one role. Redis and Postgres share the table, so that an outage is found in one place. */
interface StoreRow {
  key: string;
  name: string;
  server: string;
  up: boolean;
  responseMs: number | undefined;
  slowMs: number;
  unreachableFrom: readonly string[];
  space: React.ReactNode;
  clients: React.ReactNode;
  commands: string;
  version: string | undefined;
}

const ROLES: Record<RedisState['role'], string> = {
  pubsub: 'Redis pub/sub',
  queue: 'Redis queue',
  cache: 'Redis cache',
};

const keyOf = ({ key }: StoreRow) => key;
const nameOf = ({ name }: StoreRow) => name;

export function Stores({ redis, postgres }: { redis: readonly RedisState[]; postgres: PostgresState }) {
  const rows = useMemo(() => [...redis.map(redisRow), postgresRow(postgres)], [redis, postgres]);
  return (
    <Panel title="Redis and Postgres" id="stores" note={noteOf(rows)}>
      <DataTable
        label="Redis and Postgres"
        columns={COLUMNS}
        rows={rows}
        keyOf={keyOf}
        nameOf={nameOf}
        toneOf={({ up, unreachableFrom }) => (!up ? 'bad' : unreachableFrom.length > 0 ? 'warning' : undefined)}
      />
    </Panel>
  );
}

/** Processes that cannot reach a server, for example because of a network policy. */
function noteOf(rows: readonly StoreRow[]): string {
  const partly = rows.filter(({ up, unreachableFrom }) => up && unreachableFrom.length > 0);
  return partly
    .map(({ name, unreachableFrom }) => {
      const [first, second, ...rest] = unreachableFrom;
      const names = [first, second].filter((process) => process !== undefined).join(', ');
      return `${name} is unreachable from ${names}${rest.length > 0 ? ` and ${rest.length} more` : ''}`;
    })
    .join(' · ');
}

function redisRow(redis: RedisState): StoreRow {
  const { role, server, memoryBytes, maxMemoryBytes = 0, clients, commandsPerSecond, version } = redis;
  return {
    ...redis,
    key: `${role} ${server}`,
    name: ROLES[role],
    responseMs: redis.responseMs,
    slowMs: LIMITS.redisMs,
    space:
      memoryBytes === undefined ? NONE : <ShareBar used={memoryBytes} limit={maxMemoryBytes} format={formatBytes} />,
    clients: formatCount(clients),
    commands: formatRate(commandsPerSecond),
    version,
  };
}

function postgresRow(postgres: PostgresState): StoreRow {
  const { connections, maxConnections = 0, databaseBytes, version } = postgres;
  return {
    ...postgres,
    key: 'postgres',
    name: 'Postgres',
    responseMs: postgres.responseMs,
    slowMs: LIMITS.postgresMs,
    space: formatBytes(databaseBytes),
    clients:
      connections === undefined ? NONE : <ShareBar used={connections} limit={maxConnections} format={formatCount} />,
    commands: NONE,
    version,
  };
}

const COLUMNS: Column<StoreRow>[] = [
  {
    key: 'name',
    title: 'Role and server',
    cell: ({ name, version, server }) => (
      <>
        {name} <span className={classes.version}>{version}</span>
        <span className={classes.address}>{server}</span>
      </>
    ),
  },
  { key: 'state', title: 'State', cell: (row) => <StoreMark row={row} /> },
  {
    key: 'response',
    title: 'Response',
    hint: 'Time of the last probe',
    cell: ({ responseMs, slowMs }) => (
      <Figure exceeds={responseMs !== undefined && responseMs > slowMs && `More than ${slowMs} ms`}>
        {formatDuration(responseMs)}
      </Figure>
    ),
    numeric: true,
  },
  { key: 'space', title: 'Memory or size', cell: ({ space }) => space, numeric: true },
  { key: 'clients', title: 'Connections', cell: ({ clients }) => clients, numeric: true },
  { key: 'commands', title: 'Commands/s', cell: ({ commands }) => commands, numeric: true },
];

function StoreMark({ row: { up, unreachableFrom } }: { row: StoreRow }) {
  if (!up) return <StatusMark tone="bad">Down</StatusMark>;
  if (unreachableFrom.length === 0) return <StatusMark tone="good">Up</StatusMark>;
  return (
    <StatusMark tone="warning">
      <span title={`Unreachable from ${unreachableFrom.join(', ')}`}>Partly reachable</span>
    </StatusMark>
  );
}
