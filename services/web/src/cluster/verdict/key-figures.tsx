import type { ClusterOverview, ProcessState } from '@chat-cluster/contracts';
import { formatCount, formatDuration, formatRate, NONE } from '../data/format-figures.ts';
import { oldestEntry } from '../data/record-overview.ts';
import { Figure } from '../parts/figure.tsx';
import { LIMITS } from '../processes/limits.ts';
import classes from './key-figures.module.css';

interface KeyFigure {
  name: string;
  value: string;
  unit?: string;
  /** The reason why the figure needs attention; false: it needs none. */
  exceeds?: string | false;
}

/** The figures that show at a glance how much the cluster does and how fast. */
export function KeyFigures({ overview }: { overview: ClusterOverview }) {
  return (
    <dl className={classes.figures} aria-label="Key figures">
      {figuresOf(overview).map(({ name, value, unit, exceeds }) => (
        <div key={name} className={classes.figure}>
          <dt>{name}</dt>
          <dd>
            <Figure exceeds={exceeds}>{value}</Figure>
            {unit !== undefined && value !== NONE && <span className={classes.unit}>{unit}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function figuresOf({ flow, gateways, workers, lanes }: ClusterOverview): readonly KeyFigure[] {
  const held = lanes.filter(({ worker }) => worker !== undefined).length;
  const lag = oldestEntry(lanes);
  return [
    readyFigure('Gateways ready', gateways),
    readyFigure('Workers ready', workers),
    { name: 'Lanes held', value: `${held} of ${lanes.length}`, exceeds: held < lanes.length && 'Not all are held' },
    { name: 'Connections', value: formatCount(gateways.reduce((sum, { connections }) => sum + connections, 0)) },
    { name: 'Stored', value: formatRate(flow.storedPerSecond), unit: '/s' },
    { name: 'Delivered', value: formatRate(flow.deliveredPerSecond), unit: '/s' },
    { name: 'Ack p99', ...split(formatDuration(flow.ackP99Ms)) },
    { name: 'Delivery p99', ...split(formatDuration(flow.deliveryP99Ms)) },
    {
      name: 'Lag',
      ...split(formatDuration(lag)),
      exceeds: lag !== undefined && lag > LIMITS.oldestEntryMs && 'More than 5 s',
    },
    {
      name: 'Dead letters',
      value: formatCount(flow.deadLetters),
      exceeds: flow.deadLetters > 0 && 'There should be none',
    },
  ];
}

function readyFigure(name: string, processes: readonly ProcessState[]): KeyFigure {
  const ready = processes.filter(({ state }) => state === 'ready').length;
  const silent = processes.some(({ state }) => state === 'silent');
  return {
    name,
    value: `${ready} of ${processes.length}`,
    exceeds: (ready === 0 && 'None is ready') || (silent && 'One or more are silent'),
  };
}

/** `27 ms`: the unit is smaller than the figure. `4 min 10 s` stays as it is. */
function split(duration: string): { value: string; unit?: string } {
  const [value = duration, unit, ...rest] = duration.split(' ');
  return unit === undefined || rest.length > 0 ? { value: duration } : { value, unit: ` ${unit}` };
}
