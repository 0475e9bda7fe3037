import { formatCount, formatDuration, formatRate } from '../data/format-figures.ts';
import { SHED } from '../data/record-overview.ts';

/** A line of a chart. Lines differ by their dashes too, so that color is not needed. */
export interface ChartLine {
  /** Name of its series in the samples. */
  series: string;
  label: string;
  /** A description of the counted items, shown when the pointer rests on the label. */
  hint?: string;
}

export interface ChartSpec {
  title: string;
  lines: readonly ChartLine[];
  format: (value: number) => string;
  /** Shown while the chart has no line. */
  empty?: string;
}

/** The figures of a chart: a column for each line, with one figure per time. */
export interface ChartData {
  times: readonly number[];
  columns: readonly (readonly (number | null)[])[];
  from: number;
  until: number;
}

/** Most lines of one chart: more of them look alike. */
const MAX_LINES = 6;

export const CHARTS: readonly ChartSpec[] = [
  {
    title: 'Per second',
    lines: [
      { series: 'accepted', label: 'Accepted', hint: 'Messages and read marks that gateways have put into lanes' },
      { series: 'stored', label: 'Stored', hint: 'Messages that are committed, without resends' },
      {
        series: 'delivered',
        label: 'Delivered',
        hint: 'Emits to gateways with a socket of their user, about two per message',
      },
    ],
    format: formatRate,
  },
  {
    title: 'Ack latency',
    lines: [
      { series: 'ackP50', label: 'p50' },
      { series: 'ackP99', label: 'p99' },
    ],
    format: formatDuration,
  },
  {
    title: 'Delivery latency',
    lines: [
      { series: 'deliveryP50', label: 'p50' },
      { series: 'deliveryP99', label: 'p99' },
    ],
    format: formatDuration,
  },
  {
    title: 'Age of the oldest entry',
    lines: [{ series: 'lag', label: 'Lag' }],
    format: formatDuration,
  },
  {
    title: 'Connections',
    lines: [{ series: 'connections', label: 'Connections' }],
    format: formatCount,
  },
];

/** The chart of refused events and handshakes: one line per error code that occurred. */
export function shedChart(names: readonly string[]): ChartSpec {
  const codes = names.filter((name) => name.startsWith(SHED)).slice(0, MAX_LINES);
  return {
    title: 'Shed per second, by code',
    lines: codes.map((series) => ({ series, label: series.slice(SHED.length) })),
    format: formatRate,
    empty: 'Nothing was refused.',
  };
}
