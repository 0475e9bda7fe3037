import { useEffect, useId, useMemo, useRef, useState } from 'react';
import { CHART_MS, samples } from '../data/cluster-store.ts';
import { NONE } from '../data/format-figures.ts';
import type { ChartData, ChartSpec } from './chart-specs.ts';
import { ChartTable } from './chart-table.tsx';
import classes from './live-chart.module.css';
import type { Plot } from './plot.ts';
import { summarizeSeries } from './summarize-series.ts';

/** Shortest time span of a chart, in ms, for a page that was just opened. */
const MIN_WINDOW_MS = 60_000;

interface LiveChartProps {
  spec: ChartSpec;
  /** Time of the newest row: the chart is drawn anew when it changes. */
  at: number;
}

/** A chart of up to 15 minutes with a legend of its last figures, a summary in words, and a table in its place. */
export function LiveChart({ spec, at }: LiveChartProps) {
  const heading = useId();
  const [hovered, setHovered] = useState<number | null>(null);
  const [asTable, setAsTable] = useState(false);
  const data = useMemo(() => chartData(spec, at), [spec, at]);
  const row = hovered !== null && hovered < data.times.length ? hovered : data.times.length - 1;
  const isEmpty = data.columns.every((column) => column.every((value) => value === null));
  return (
    <figure className={classes.chart} aria-labelledby={heading}>
      <figcaption>
        <div className={classes.head}>
          <h3 className={classes.title} id={heading}>
            {spec.title}
          </h3>
          {!isEmpty && (
            <button
              type="button"
              className={classes.toggle}
              aria-pressed={asTable}
              aria-label={`${spec.title} as a table`}
              onClick={() => setAsTable(!asTable)}
            >
              Table
            </button>
          )}
        </div>
        <ul className={classes.legend} aria-label={`${spec.title}: last figures`}>
          {spec.lines.map(({ series, label, hint }, index) => (
            <li key={series} title={hint}>
              <svg className={classes.line} viewBox="0 0 18 4" data-line={index} aria-hidden="true">
                <path d="M0 2h18" />
              </svg>
              {label} <span className={classes.value}>{figureAt(data.columns[index], row, spec.format)}</span>
            </li>
          ))}
        </ul>
      </figcaption>
      {isEmpty && <p className={classes.empty}>{spec.empty ?? 'No figures yet.'}</p>}
      {!isEmpty && asTable && <ChartTable spec={spec} data={data} />}
      {!isEmpty && !asTable && <PlotBox spec={spec} data={data} onHover={setHovered} />}
    </figure>
  );
}

function chartData(spec: ChartSpec, until: number): ChartData {
  const since = until - CHART_MS;
  const times = samples.times(since);
  return {
    times,
    columns: spec.lines.map(({ series }) => samples.series(series, since)),
    from: Math.min(times[0] ?? until, until - MIN_WINDOW_MS),
    until,
  };
}

function figureAt(column: readonly (number | null)[] | undefined, row: number, format: ChartSpec['format']): string {
  const value = column?.[row];
  return value === null || value === undefined ? NONE : format(value);
}

interface PlotBoxProps {
  spec: ChartSpec;
  data: ChartData;
  onHover: (row: number | null) => void;
}

/** The canvas. The library is loaded when the first chart is shown. */
function PlotBox({ spec, data, onHover }: PlotBoxProps) {
  const box = useRef<HTMLDivElement>(null);
  const [plot, setPlot] = useState<Plot>();
  const [failed, setFailed] = useState(false);
  const { format } = spec;
  const lines = spec.lines.length;
  useEffect(() => {
    let made: Plot | undefined;
    let left = false;
    import('./plot.ts').then(
      ({ createPlot }) => {
        if (left || !box.current) return;
        made = createPlot(box.current, { lines, format, onHover });
        setPlot(made);
      },
      () => setFailed(true),
    );
    return () => {
      left = true;
      made?.destroy();
      setPlot(undefined);
    };
  }, [lines, format, onHover]);
  useEffect(() => plot?.setData(data), [plot, data]);
  if (failed) return <p className={classes.empty}>The charts could not be loaded. Reload the page.</p>;
  return <div ref={box} className={classes.plot} role="img" aria-label={describe(spec, data.columns)} />;
}

/** `Ack latency. p50: 4.1 ms now, between 3.8 ms and 9.2 ms. …` */
function describe(spec: ChartSpec, columns: ChartData['columns']): string {
  const sentences = spec.lines.map(({ label }, index) => {
    const summary = summarizeSeries(columns[index] ?? []);
    if (!summary) return `${label}: no figures.`;
    const { last, low, high } = summary;
    const now = last === null ? 'none' : spec.format(last);
    return `${label}: ${now} now, between ${spec.format(low)} and ${spec.format(high)}.`;
  });
  return `${spec.title}. ${sentences.join(' ')}`;
}
