import { chartSvg, type LineChart } from '@chat-cluster/bench/chart';
import { count, percent } from './figures.ts';
import type { Moment, Percentiles } from './merge.ts';
import { countTable, latencyTable, type Report, type Table } from './report.ts';

/** A page of its own, that loads nothing. */
export function reportHtml(report: Report): string {
  const { command, date, url, profile, users, idle, processes, seconds, verdicts, details, generator } = report;
  const mark = { ok: '✔', note: '!', wrong: '✖' };
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
<p>${count(users)} users that talk${idle > 0 ? `, ${count(idle)} that are only connected` : ''}, against ${escaped(url)};
${seconds.toFixed(0)} s measured on ${escaped(date.slice(0, 16).replace('T', ' '))} UTC.
Latencies count from when a message was to be sent.</p>
<ul>${verdicts.map(({ kind, text }) => `<li class="${kind}">${mark[kind]} ${escaped(text)}</li>`).join('\n')}</ul>
${details.length > 0 ? `<details open><summary>What was wrong</summary><ul>${details.map((one) => `<li>${escaped(one)}</li>`).join('\n')}</ul></details>` : ''}
${tableHtml(latencyTable(report))}
${tableHtml(countTable(report))}
${chartsOf(report).map(chartSvg).join('\n')}
<p>Generator: ${processes} ${processes === 1 ? 'process' : 'processes'} on ${escaped(generator.machine)}; at most ${percent(generator.busiest)} of a core,
${generator.cpuMicrosecondsPerMessage.toFixed(0)} µs of CPU a message, ${generator.rss.map((bytes) => `${count(bytes / 2 ** 20)} MiB`).join(', ')}.</p>
<p><code>${escaped(command)}</code></p>
</body>
</html>
`;
}

/** More points than that are not to be seen. */
const MOST_POINTS = 300;

/** Of a run: rate, latencies over time, percentiles, and what stands or waits. */
export function chartsOf({ moments, ack, delivery }: Pick<Report, 'moments' | 'ack' | 'delivery'>): LineChart[] {
  const shown = thinned(moments.filter(({ at }) => at > 0));
  const line = (name: string, value: (moment: Moment) => number) => ({
    name,
    points: shown.map((moment): [number, number] => [Math.round(moment.at), value(moment)]),
  });
  const time = (name: string, title: string, y: string, series: LineChart['series']): LineChart => ({
    kind: 'lines',
    name,
    title,
    x: 'seconds',
    y,
    series,
  });
  const measured = (value: (moment: Moment) => Percentiles, pick: 'p50' | 'p99') => (moment: Moment) =>
    value(moment).count > 0 ? value(moment)[pick] : Number.NaN;
  const share = (name: string, { p50, p75, p90, p95, p99, p999, max }: Percentiles) => ({
    name,
    points: [p50, p75, p90, p95, p99, p999, max].map((value, i): [number, number] => [i, value]),
  });
  return [
    time('rate', 'Messages a second', 'msg/s', [
      line('sent', ({ sent }) => sent),
      line('acked', ({ acked }) => acked),
      line('delivered', ({ delivered }) => delivered),
    ]),
    time('latency', 'Latency over time', 'ms', [
      line(
        'ack p50',
        measured((moment) => moment.ack, 'p50'),
      ),
      line(
        'ack p99',
        measured((moment) => moment.ack, 'p99'),
      ),
      line(
        'delivery p50',
        measured((moment) => moment.delivery, 'p50'),
      ),
      line(
        'delivery p99',
        measured((moment) => moment.delivery, 'p99'),
      ),
    ]),
    {
      kind: 'lines',
      name: 'percentiles',
      title: 'Latency by percentile',
      x: 'share of messages that are faster',
      y: 'ms',
      series: [share('ack', ack), share('delivery', delivery)],
      names: ['50 %', '75 %', '90 %', '95 %', '99 %', '99.9 %', 'all'],
    },
    time('standing', 'Connections, and messages in flight', 'count', [
      line('connected', ({ connected }) => connected),
      line('in flight', ({ inFlight }) => inFlight),
    ]),
  ];
}

/** Every n-th, so that they fit. */
function thinned(moments: readonly Moment[]): Moment[] {
  const every = Math.ceil(moments.length / MOST_POINTS);
  return moments.filter((_, i) => i % every === 0);
}

function tableHtml({ columns, rows }: Table): string {
  const cells = (tag: string, row: readonly string[]) =>
    row.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('');
  const body = rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n');
  return `<table>\n<tr>${cells('th', columns)}</tr>\n${body}\n</table>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
