/*
 * Charts as SVG files without a library: those that draw well need a DOM. A chart follows the reader's light or dark
 * scheme when it is opened or linked as an image; its background stays transparent, as the page is.
 */

export type Chart = LineChart | BarChart;

/**
 * Points joined by lines; `x` and `y` name the axes, with their unit. Both axes are linear, `y` begins at 0. What is not
 * finite is left out, in bars too.
 */
export interface LineChart {
  kind: 'lines';
  /** Of the file: lower case, no spaces. */
  name: string;
  title: string;
  x: string;
  y: string;
  series: { name: string; points: [x: number, y: number][] }[];
  /** What stands below each x, from 0 on, where they are no numbers. */
  names?: readonly string[];
}

/** Stacked bars, one for each group. */
export interface BarChart {
  kind: 'bars';
  name: string;
  title: string;
  y: string;
  groups: { name: string; parts: { name: string; value: number }[] }[];
}

const WIDTH = 720;
const HEIGHT = 380;
/** Of what is drawn, inside the axes. */
const LEFT = 70;
const RIGHT = WIDTH - 20;
const TOP = 70;
const BOTTOM = HEIGHT - 60;
/** Told apart by all common kinds of colour vision, on white and on black (Okabe and Ito). */
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#d55e00', '#56b4e9'];
/** Of one line: more of them hide it. */
const MOST_MARKS = 40;
/** Below the x axis: more run into each other. */
const MOST_LABELS = 12;
/** Room of one letter, in px at 13 px. */
const LETTER = 7.2;

const STYLE = `text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 16px; font-weight: 600; }
.axis { stroke: #6e7781; }
.grid { stroke: #d0d7de; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .axis { stroke: #8b949e; }
  .grid { stroke: #30363d; }
}`;

/** A whole SVG document. */
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
  // A little air on both sides, so that no mark lies on the axis.
  const atX = (value: number) => LEFT + 25 + ((value - low) / (high - low || 1)) * (RIGHT - LEFT - 50);
  const atY = scaleY(ticks);
  return [
    ...axes(y, ticks),
    ...ticksOf(xs).map((value) => text(atX(value), BOTTOM + 20, names?.[value] ?? number(value), 'middle')),
    text((LEFT + RIGHT) / 2, HEIGHT - 16, x, 'middle'),
    ...legend(series.map(({ name }) => name)),
    ...series.flatMap(({ points: own }, i) => {
      const path = own.map(([px, py]) => `${round(atX(px))},${round(atY(py))}`).join(' ');
      const marks = (own.length > MOST_MARKS ? [] : own).map(
        ([px, py]) => `<circle cx="${round(atX(px))}" cy="${round(atY(py))}" r="4" fill="${colour(i)}"/>`,
      );
      return [`<polyline points="${path}" fill="none" stroke="${colour(i)}" stroke-width="2"/>`, ...marks];
    }),
  ];
}

function bars({ y, groups }: BarChart): string[] {
  const totals = groups.map(({ parts }) => parts.reduce((sum, { value }) => sum + drawn(value), 0));
  const ticks = ticksUpTo(Math.max(0, ...totals));
  const atY = scaleY(ticks);
  const names = [...new Set(groups.flatMap(({ parts }) => parts.map(({ name }) => name)))];
  const step = (RIGHT - LEFT) / Math.max(1, groups.length);
  const width = Math.min(60, step * 0.7);
  return [
    ...axes(y, ticks),
    ...legend(names),
    ...groups.flatMap(({ name, parts }, i) => {
      const middle = LEFT + step * (i + 0.5);
      let below = 0;
      const stack = parts.map((part) => {
        const [from, to] = [atY(below), atY(below + drawn(part.value))];
        below += drawn(part.value);
        const place = `x="${round(middle - width / 2)}" y="${round(to)}" width="${round(width)}" height="${round(from - to)}"`;
        return `<rect ${place} fill="${colour(names.indexOf(part.name))}"/>`;
      });
      return [...stack, ...wrapped(name, step).map((line, k) => text(middle, BOTTOM + 20 + k * 16, line, 'middle'))];
    }),
  ];
}

/** Of a part of a bar: it stands on the one before, so it can not be negative. */
function drawn(value: number): number {
  return Number.isFinite(value) ? Math.max(0, value) : 0;
}

function axes(label: string, ticks: number[]): string[] {
  const atY = scaleY(ticks);
  return [
    ...ticks.map((value) => line('grid', LEFT, atY(value), RIGHT, atY(value))),
    ...ticks.map((value) => text(LEFT - 8, atY(value) + 4, number(value), 'end')),
    line('axis', LEFT, BOTTOM, RIGHT, BOTTOM),
    `<g transform="translate(18 ${(TOP + BOTTOM) / 2}) rotate(-90)">${text(0, 0, label, 'middle')}</g>`,
  ];
}

/** One row under the title. */
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

/** Every x where there is room, else round numbers between the first and the last. */
function ticksOf(xs: number[]): number[] {
  const [low = 0, high = 0] = [xs[0], xs.at(-1)];
  if (xs.length <= MOST_LABELS) return xs;
  return ticksUpTo(high - low).flatMap((_, i, { 1: step = 1 }) => {
    const value = (Math.ceil(low / step) + i) * step;
    return value <= high ? [value] : [];
  });
}

/** Round numbers from 0 to above `most`, four to eight of them. */
function ticksUpTo(most: number): number[] {
  const top = most > 0 ? most : 1;
  const power = 10 ** Math.floor(Math.log10(top / 4));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => top / one <= 7) ?? 10 * power;
  return Array.from({ length: Math.ceil(top / step) + 1 }, (_, i) => i * step);
}

function scaleY(ticks: number[]): (value: number) => number {
  const top = ticks.at(-1) ?? 1;
  return (value) => BOTTOM - (value / top) * (BOTTOM - TOP);
}

/** Words in lines that fit `width` px, two at the most. */
function wrapped(words: string, width: number): string[] {
  if (words.length * LETTER <= width) return [words];
  const space = words.lastIndexOf(' ');
  return space < 0 ? [words] : [words.slice(0, space), words.slice(space + 1)];
}

function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end', kind?: string): string {
  const style = kind ? ` class="${kind}"` : '';
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${style}>${escaped(content)}</text>`;
}

function line(kind: string, x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="${kind}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`;
}

function colour(i: number): string {
  return COLOURS[i % COLOURS.length] ?? '#000';
}

function number(value: number): string {
  return Number(value.toPrecision(6)).toLocaleString('en');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
