import { NONE } from '../data/format-figures.ts';
import { ScrollBox } from '../parts/scroll-box.tsx';
import type { ChartData, ChartSpec } from './chart-specs.ts';
import classes from './live-chart.module.css';
import { averagePerMinute } from './summarize-series.ts';

const MINUTE = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** The figures of a chart, one row per minute. */
export function ChartTable({ spec, data }: { spec: ChartSpec; data: ChartData }) {
  return (
    <ScrollBox label={spec.title} className={classes.tableBox}>
      <table className={classes.table} aria-label={`${spec.title}, average per minute`}>
        <thead>
          <tr>
            <th scope="col">Minute</th>
            {spec.lines.map(({ series, label }) => (
              <th scope="col" key={series}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {averagePerMinute(data.times, data.columns).map(({ minute, averages }) => (
            <tr key={minute}>
              <th scope="row">{MINUTE.format(minute)}</th>
              {averages.map((average, index) => (
                <td key={spec.lines[index]?.series}>{average === null ? NONE : spec.format(average)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox>
  );
}
