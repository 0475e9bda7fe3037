/*
 * Charts as SVG text. 200 lines beat a dependency of 59 MB: ECharts 5.6, which draws SVG without a DOM, would grow every
 * installation by 12 % (11 MB to download) and takes 0.35 s to load; its colours do not follow a dark scheme.
 */

export type Chart = LineChart | BarChart;

/**
 * Points joined by lines. Both axes are linear, `y` begins at 0. Values that are not finite are left out, in bars too.
 */
export interface LineChart {
  kind: 'lines';
  /** Part of the file name: lower case, no spaces. */
  name: string;
  title: string;
  /** Names of the axes, with their unit. */
  x: string;
  y: string;
  series: { name: string; points: [x: number, y: number][] }[];
  /** Labels of x = 0, 1, 2 …, where they are no numbers. */
  names?: readonly string[];
}

/** One bar for each group, stacked from its parts. */
export interface BarChart {
  kind: 'bars';
  name: string;
  title: string;
  y: string;
  groups: { name: string; parts: Readonly<Record<string, number>> }[];
}

export function lineChart(name: string, title: string, x: string, y: string, series: LineChart['series']): LineChart {
  return { kind: 'lines', name, title, x, y, series };
}

export function barChart(name: string, title: string, y: string, groups: BarChart['groups']): BarChart {
  return { kind: 'bars', name, title, y, groups };
}

const WIDTH = 720;
const HEIGHT = 380;
/** The area inside the axes. */
const LEFT = 70;
const RIGHT = WIDTH - 20;
const TOP = 70;
const BOTTOM = HEIGHT - 60;
/** Distinguishable with all common kinds of colour vision, on white and on black (Okabe and Ito). */
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#d55e00', '#56b4e9'];
/** Most marks on one line; more would hide it. */
const MOST_MARKS = 40;
/** Most labels below the x axis; more would overlap. */
const MOST_LABELS = 12;
/** Width of one letter at 13 px, in px. */
const LETTER = 7.2;

/** The background stays transparent. */
const STYLE = `text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 16px; font-weight: 600; }
.axis { stroke: #6e7781; }
.grid { stroke: #d0d7de; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .axis { stroke: #8b949e; }
  .grid { stroke: #30363d; }
}`;

/** A complete SVG document. */
export function chartSvg(chart: Chart): string {
  const content = chart.kind === 'lines' ? lines(chart) : bars(chart);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escaped(chart.title)}">
<style>${STYLE}</style>
${text(LEFT, 24, chart.title, 'start', 'title')}
${content.join('\n')}
</svg>
`;
}

function lines({ x, y, series: all, names }: LineChart): string[] {
  const series = all.map((one) => ({ ...one, points: one.points.filter((point) => point.every(Number.isFinite)) }));
  const points = series.flatMap((one) => one.points);
  const ticks = ticksUpTo(Math.max(0, ...points.map(([, value]) => value)));
  const xs = [...new Set(points.map(([value]) => value))].sort((a, b) => a - b);
  const [low, high] = [xs[0] ?? 0, xs.at(-1) ?? 1];
  // 25 px on both sides, so that no mark lies on the axis.
  const atX = (value: number) => round(LEFT + 25 + ((value - low) / (high - low || 1)) * (RIGHT - LEFT - 50));
  const atY = scaleY(ticks);
  return [
    ...axes(y, ticks),
    ...ticksOf(xs).map((value) => text(atX(value), BOTTOM + 20, names?.[value] ?? number(value))),
    text((LEFT + RIGHT) / 2, HEIGHT - 16, x),
    ...legend(series.map(({ name }) => name)),
    ...series.flatMap(({ points: own }, i) => {
      const path = own.map(([px, py]) => `${atX(px)},${atY(py)}`).join(' ');
      const marks = own.length > MOST_MARKS ? [] : own;
      return [
        `<polyline points="${path}" fill="none" stroke="${colour(i)}" stroke-width="2"/>`,
        ...marks.map(([px, py]) => `<circle cx="${atX(px)}" cy="${atY(py)}" r="4" fill="${colour(i)}"/>`),
      ];
    }),
  ];
}

function bars({ y, groups }: BarChart): string[] {
  const stacks = groups.map(({ name, parts }) => ({ name, parts: Object.entries(parts).map(drawable) }));
  const totals = stacks.map(({ parts }) => parts.reduce((sum, [, value]) => sum + value, 0));
  const ticks = ticksUpTo(Math.max(0, ...totals));
  const atY = scaleY(ticks);
  const names = [...new Set(groups.flatMap(({ parts }) => Object.keys(parts)))];
  const step = (RIGHT - LEFT) / Math.max(1, groups.length);
  const width = Math.min(60, step * 0.7);
  return [
    ...axes(y, ticks),
    ...legend(names),
    ...stacks.flatMap(({ name, parts }, i) => {
      const middle = LEFT + step * (i + 0.5);
      let below = 0;
      const rectangles = parts.map(([part, value]) => {
        const [bottom, top] = [atY(below), atY(below + value)];
        below += value;
        const size = `width="${round(width)}" height="${round(bottom - top)}"`;
        return `<rect x="${round(middle - width / 2)}" y="${top}" ${size} fill="${colour(names.indexOf(part))}"/>`;
      });
      return [...rectangles, ...wrapped(name, step).map((line, k) => text(middle, BOTTOM + 20 + k * 16, line))];
    }),
  ];
}

/** A part of a bar stands on the one before, so it cannot be negative. */
function drawable([name, value]: [string, number]): [string, number] {
  return [name, Number.isFinite(value) ? Math.max(0, value) : 0];
}

function axes(label: string, ticks: number[]): string[] {
  const atY = scaleY(ticks);
  return [
    ...ticks.map((value) => line('grid', atY(value))),
    ...ticks.map((value) => text(LEFT - 8, atY(value) + 4, number(value), 'end')),
    line('axis', BOTTOM),
    `<g transform="translate(18 ${(TOP + BOTTOM) / 2}) rotate(-90)">${text(0, 0, label)}</g>`,
  ];
}

/** One row below the title. */
function legend(names: string[]): string[] {
  let x = LEFT;
  return names.flatMap((name, i) => {
    const at = x;
    x += 34 + name.length * LETTER;
    return [
      `<rect x="${round(at)}" y="39" width="12" height="12" fill="${colour(i)}"/>`,
      text(at + 18, 50, name, 'start'),
    ];
  });
}

/** Every x if they fit, otherwise round numbers between the first and the last. */
function ticksOf(xs: number[]): number[] {
  const [low = 0, high = 0] = [xs[0], xs.at(-1)];
  if (xs.length <= MOST_LABELS) return xs;
  return ticksUpTo(high - low)
    .map((_, i, { 1: step = 1 }) => (Math.ceil(low / step) + i) * step)
    .filter((value) => value <= high);
}

/** Four to eight round numbers from 0 to above `most`. */
function ticksUpTo(most: number): number[] {
  const top = most > 0 ? most : 1;
  const power = 10 ** Math.floor(Math.log10(top / 4));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => top / one <= 7) ?? 10 * power;
  return Array.from({ length: Math.ceil(top / step) + 1 }, (_, i) => i * step);
}

function scaleY(ticks: number[]): (value: number) => number {
  const top = ticks.at(-1) ?? 1;
  return (value) => round(BOTTOM - (value / top) * (BOTTOM - TOP));
}

/** At most two lines that fit `width` px. */
function wrapped(words: string, width: number): string[] {
  const space = words.lastIndexOf(' ');
  if (words.length * LETTER <= width || space < 0) return [words];
  return [words.slice(0, space), words.slice(space + 1)];
}

function text(x: number, y: number, content: string, anchor = 'middle', kind?: string): string {
  const style = kind ? ` class="${kind}"` : '';
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${style}>${escaped(content)}</text>`;
}

function line(kind: 'grid' | 'axis', y: number): string {
  return `<line class="${kind}" x1="${LEFT}" y1="${y}" x2="${RIGHT}" y2="${y}"/>`;
}

function colour(i: number): string {
  return COLOURS[i % COLOURS.length] ?? '';
}

function number(value: number): string {
  return Number(value.toPrecision(6)).toLocaleString('en');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Text for XML and HTML. */
export function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
