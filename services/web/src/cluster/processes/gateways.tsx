import type { GatewayState } from '@chat-cluster/contracts';
import { useMemo } from 'react';
import { formatBytes, formatCount, formatRate, formatShare } from '../data/format-figures.ts';
import { type Column, DataTable } from '../parts/data-table.tsx';
import { Figure } from '../parts/figure.tsx';
import { Nothing, Panel } from '../parts/panel.tsx';
import { ShareBar } from '../parts/share-bar.tsx';
import { LIMITS } from './limits.ts';
import { identityColumns, processTone, resourceColumns, sum } from './process-columns.tsx';

const idOf = ({ id }: GatewayState) => id;
const nameOf = ({ name }: GatewayState) => name;

interface GatewaysProps {
  gateways: readonly GatewayState[];
  at: number;
  unreadableSnapshots: number;
}

export function Gateways({ gateways, at, unreadableSnapshots }: GatewaysProps) {
  const columns = useMemo(() => columnsOf(gateways, at), [gateways, at]);
  return (
    <Panel title="Gateways" id="gateways" note={noteOf(gateways, unreadableSnapshots)}>
      {gateways.length === 0 ? (
        <Nothing>No gateway reports. Clients cannot connect until one starts.</Nothing>
      ) : (
        <DataTable
          label="Gateways"
          columns={columns}
          rows={gateways}
          keyOf={idOf}
          nameOf={nameOf}
          sortedBy={{ column: 'name', descending: false }}
          toneOf={processTone}
        />
      )}
    </Panel>
  );
}

function noteOf(gateways: readonly GatewayState[], unreadableSnapshots: number): string {
  const strangers = sum(gateways, ({ unauthenticated }) => unauthenticated);
  const notes = [
    strangers > 0 ? `Sockets that have not authenticated yet: ${formatCount(strangers)}` : '',
    unreadableSnapshots > 0 ? `Processes of another version, which are not shown: ${unreadableSnapshots}` : '',
  ];
  return notes.filter((note) => note !== '').join(' · ');
}

function columnsOf(gateways: readonly GatewayState[], at: number): Column<GatewayState>[] {
  const connections = sum(gateways, (gateway) => gateway.connections);
  const limit = sum(gateways, ({ maxConnections }) => maxConnections);
  return [
    ...identityColumns<GatewayState>('Gateway', at, `All ${gateways.length}`),
    {
      key: 'connections',
      title: 'Connections',
      cell: (row) => <ShareBar used={row.connections} limit={row.maxConnections} format={formatCount} />,
      value: (row) => row.connections,
      numeric: true,
      total: <ShareBar used={connections} limit={limit} format={formatCount} />,
    },
    rateColumn(gateways, 'connects', 'Connects/s', (row) => row.connectsPerSecond),
    rateColumn(gateways, 'accepted', 'Accepted/s', (row) => row.acceptedPerSecond),
    rateColumn(gateways, 'delivered', 'Delivered/s', (row) => row.deliveredPerSecond),
    ...resourceColumns(gateways),
    {
      key: 'waste',
      title: 'Fan-out waste',
      hint: 'Share of the emits received that no socket of the gateway needed',
      cell: ({ fanoutWaste }) => (
        <Figure exceeds={fanoutWaste > LIMITS.fanoutWaste && 'More than 20 %'}>{formatShare(fanoutWaste)}</Figure>
      ),
      value: ({ fanoutWaste }) => fanoutWaste,
      numeric: true,
    },
    {
      key: 'unread',
      title: 'Unread output',
      hint: 'Output that clients have not read yet',
      cell: ({ unreadBytes }) => formatBytes(unreadBytes),
      value: ({ unreadBytes }) => unreadBytes,
      numeric: true,
      total: formatBytes(sum(gateways, ({ unreadBytes }) => unreadBytes)),
    },
  ];
}

function rateColumn(
  gateways: readonly GatewayState[],
  key: string,
  title: string,
  rate: (row: GatewayState) => number,
): Column<GatewayState> {
  const total = formatRate(sum(gateways, rate));
  return { key, title, cell: (row) => formatRate(rate(row)), value: rate, numeric: true, total };
}
