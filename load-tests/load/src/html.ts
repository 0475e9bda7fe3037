import { chartSvg, escaped, type LineChart, lineChart } from '@chat-cluster/testkit/report';
import { count, percent, processCount } from './format.ts';
import type { Moment, Percentiles } from './merged-results.ts';
import { countTable, latencyTable, type Report, type Table } from './report.ts';

/** The report as one HTML page that loads no other file. */
export function reportHtml(report: Report): string {
  const { command, date, url, profile, users, idle, processes, seconds, verdicts, details, generator } = report;
  const mark = { ok: '✔', note: '!', wrong: '✖' };
  const failures = details.map((detail) => `<li>${escaped(detail)}</li>`).join('\n');
  const memory = generator.rss.map((bytes) => `${count(bytes / 2 ** 20)} MiB`).join(', ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Load: ${escaped(profile)}, ${count(report.options.rate)} msg/s</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 760px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { padding: .15rem .8rem .15rem 0; text-align: right; font-variant-numeric: tabular-nums; }
td:first-child, th:first-child { text-align: left; }
ul { list-style: none; padding: 0; }
.ok { color: #1a7f37; } .note { color: #9a6700; } .wrong { color: #cf222e; }
svg { max-width: 100%; height: auto; }
code { font-size: 13px; overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>Load: ${escaped(profile)}</h1>
<p>${count(users)} active users${idle > 0 ? ` and ${count(idle)} idle ones` : ''}, against ${escaped(url)};
${seconds.toFixed(0)} s measured on ${escaped(date.slice(0, 16).replace('T', ' '))} UTC.
Latencies count from the time at which a message was due.</p>
<ul>${verdicts.map(({ kind, text }) => `<li class="${kind}">${mark[kind]} ${escaped(text)}</li>`).join('\n')}</ul>
${details.length > 0 ? `<details open><summary>Failures</summary><ul>${failures}</ul></details>` : ''}
${tableHtml(latencyTable(report))}
${tableHtml(countTable(report))}
${chartsOf(report).map(chartSvg).join('\n')}
<p>Generator: ${processCount(processes)} on ${escaped(generator.machine)}; at most
${percent(generator.busiest)} of a core, ${generator.cpuMicrosecondsPerMessage.toFixed(0)} µs of CPU per message, ${memory}.</p>
<p><code>${escaped(command)}</code></p>
</body>
</html>
`;
}

/** Most points per line of a chart: more cannot be distinguished. */
const MAX_POINTS = 300;

/** Charts of a run: rates, latencies over time, percentiles, connections and messages in flight. */
export function chartsOf({ moments, ack, delivery }: Pick<Report, 'moments' | 'ack' | 'delivery'>): LineChart[] {
  const shown = thin(moments.filter(({ at }) => at > 0));
  const line = (name: string, value: (moment: Moment) => number) => ({
    name,
    points: shown.map((moment): [number, number] => [Math.round(moment.at), value(moment)]),
  });
  const time = (name: string, title: string, y: string, series: LineChart['series']) =>
    lineChart(name, title, 'seconds', y, series);
  const latency = (kind: 'ack' | 'delivery', name: 'p50' | 'p99') =>
    line(`${kind} ${name}`, (moment) => (moment[kind].count > 0 ? moment[kind][name] : Number.NaN));
  const share = (name: string, { p50, p75, p90, p95, p99, p999, max }: Percentiles) => ({
    name,
    points: [p50, p75, p90, p95, p99, p999, max].map((value, i): [number, number] => [i, value]),
  });
  return [
    time('rate', 'Messages per second', 'msg/s', [
      line('sent', ({ sent }) => sent),
      line('acked', ({ acked }) => acked),
      line('delivered', ({ delivered }) => delivered),
    ]),
    time(
      'latency',
      'Latency over time',
      'ms',
      (['ack', 'delivery'] as const).flatMap((kind) => [latency(kind, 'p50'), latency(kind, 'p99')]),
    ),
    {
      ...lineChart('percentiles', 'Latency by percentile', 'share of messages with a lower latency', 'ms', [
        share('ack', ack),
        share('delivery', delivery),
      ]),
      names: ['50 %', '75 %', '90 %', '95 %', '99 %', '99.9 %', 'all'],
    },
    time('in-flight', 'Connections, and messages in flight', 'count', [
      line('connected', ({ connected }) => connected),
      line('in flight', ({ inFlight }) => inFlight),
    ]),
  ];
}

/** Every n-th moment, at most MAX_POINTS. */
function thin(moments: readonly Moment[]): Moment[] {
  const every = Math.ceil(moments.length / MAX_POINTS);
  return moments.filter((_, i) => i % every === 0);
}

function tableHtml({ columns, rows }: Table): string {
  const cells = (tag: string, row: readonly string[]) =>
    row.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('');
  const body = rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n');
  return `<table>\n<tr>${cells('th', columns)}</tr>\n${body}\n</table>`;
}
