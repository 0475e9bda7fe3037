import 'uplot/dist/uPlot.min.css';
import uPlot from 'uplot';
import type { ChartData } from './chart-specs.ts';

/** A chart on a canvas that follows the size of its box and the color scheme. */
export interface Plot {
  setData(data: ChartData): void;
  destroy(): void;
}

interface PlotOptions {
  lines: number;
  format: (value: number) => string;
  /** The row under the crosshair, or null. */
  onHover: (row: number | null) => void;
}

/** Height of the canvas, in CSS pixels. */
const HEIGHT = 148;
/** Lengths of dashes and gaps for each line, in CSS pixels: the first line is solid. */
const DASHES: readonly (readonly number[])[] = [[], [6, 4], [2, 3], [10, 3, 2, 3], [12, 5], [4, 2]];
/** One key, so that the crosshair is at the same time in every chart. */
const CROSSHAIR = uPlot.sync('cluster');

const MINUTES = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const SECONDS = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

export function createPlot(box: HTMLElement, { lines, format, onHover }: PlotOptions): Plot {
  // Computing a color lays out the page: once for each scheme, not for each drawing.
  const colors = new Map<string, string>();
  const colorOf = (name: string) => {
    const color = colors.get(name) ?? resolveColor(box, name);
    colors.set(name, color);
    return color;
  };
  const plot = new uPlot(
    optionsOf({ lines, format, onHover }, colorOf, box.clientWidth),
    [[], ...Array.from({ length: lines }, () => [])],
    box,
  );
  const sizes = new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: HEIGHT }));
  sizes.observe(box);
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  const redraw = () => {
    colors.clear();
    plot.redraw(false);
  };
  scheme.addEventListener('change', redraw);
  const schemeAttribute = new MutationObserver(redraw);
  schemeAttribute.observe(document.documentElement, { attributeFilter: ['data-mantine-color-scheme'] });
  return {
    setData({ times, columns, from, until }) {
      plot.setData([times.map((at) => at / 1_000), ...columns.map((column) => [...column])], false);
      plot.batch(() => {
        plot.setScale('x', { min: from / 1_000, max: until / 1_000 });
      });
    },
    destroy() {
      sizes.disconnect();
      scheme.removeEventListener('change', redraw);
      schemeAttribute.disconnect();
      plot.destroy();
    },
  };
}

function optionsOf(
  { lines, format, onHover }: PlotOptions,
  colorOf: (name: string) => string,
  width: number,
): uPlot.Options {
  // Called at every drawing, because the colors follow the scheme.
  const color = (name: string) => () => colorOf(name);
  const axis = {
    stroke: color('--ui-text-soft'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: color('--ui-line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: Math.max(width, 100),
    height: HEIGHT,
    padding: [8, 30, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: CROSSHAIR.key }, drag: { x: false, y: false }, points: { size: 5 } },
    hooks: { setCursor: [({ cursor }) => onHover(cursor.idx ?? null)] },
    scales: { y: { range: (_, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [
      {
        ...axis,
        size: 24,
        space: 80,
        values: (_, splits, _axis, _space, increment) =>
          splits.map((at) => (increment < 60 ? SECONDS : MINUTES).format(at * 1_000)),
        incrs: [15, 30, 60, 120, 180, 300, 900],
      },
      { ...axis, size: 64, space: 34, values: (_, splits) => splits.map(format) },
    ],
    series: [
      {},
      ...Array.from({ length: lines }, (_, index) => ({
        stroke: color(`--line-${index}`),
        width: 1.5,
        dash: [...(DASHES[index] ?? [])],
        points: { show: true, size: 4, filter: isolatedPoints },
        spanGaps: false,
      })),
    ],
  };
}

/** A figure between two gaps has no line: it is shown as a point. */
function isolatedPoints(plot: uPlot, series: number): number[] {
  const figures = plot.data[series] ?? [];
  const isGap = (index: number) => figures[index] === null || figures[index] === undefined;
  return [...figures.keys()].filter((index) => !isGap(index) && isGap(index - 1) && isGap(index + 1));
}

/** A canvas does not support `light-dark()`, so the browser computes the color of an element. */
function resolveColor(box: HTMLElement, name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  box.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
