import { styleText } from 'node:util';
import { clock, count, ms, percent } from './format.ts';
import type { Moment, Percentiles } from './merged-results.ts';

/** CPU use of a generator process above which its own delays show in the latencies, 0 to 1. */
export const BUSY = 0.8;
/** Interval of the lines where the output is not a terminal, in seconds. */
const PLAIN_INTERVAL_S = 5;
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters.
const COLOUR = /(\u001b\[\d+m)/;

/** The output during a run: on a terminal a block that is rewritten, otherwise a line every PLAIN_INTERVAL_S. */
export class Progress {
  #stream: NodeJS.WriteStream;
  #isTerminal: boolean;
  /** Number of lines on the screen that the next block replaces. */
  #block = 0;
  #plainAt = Number.NEGATIVE_INFINITY;

  constructor(stream: NodeJS.WriteStream = process.stdout) {
    this.#stream = stream;
    this.#isTerminal = stream.isTTY === true;
  }

  /** Prints a line that stays, above the block. */
  line(text: string): void {
    this.#clear();
    this.#stream.write(`${text}\n`);
  }

  /** Shows a step under way, until the next output replaces it. */
  step(text: string): void {
    if (this.#isTerminal) this.#rewrite([text]);
  }

  moment(moment: Moment, phase: string): void {
    if (this.#isTerminal) {
      this.#rewrite(blockOf(moment, phase));
      return;
    }
    if (moment.at - this.#plainAt < PLAIN_INTERVAL_S) return;
    this.#plainAt = moment.at;
    this.line(blockOf(moment, phase).join('  '));
  }

  #rewrite(lines: string[]): void {
    this.#clear();
    const width = Math.max(20, (this.#stream.columns || 80) - 1);
    this.#stream.write(lines.map((line) => `${cut(line, width)}\n`).join(''));
    this.#block = lines.length;
  }

  #clear(): void {
    if (this.#block > 0) this.#stream.write(`\u001b[${this.#block}A\u001b[0J`);
    this.#block = 0;
  }
}

function blockOf(moment: Moment, phase: string): string[] {
  const { counts, ack, delivery } = moment;
  const alarm = (value: number) => (value > 0 ? styleText('red', count(value)) : '0');
  const refused = Object.entries(counts.refused).map(([code, times]) => `${code} ${count(times)}`);
  const cpu = percent(moment.cpu);
  const rates = `sent ${count(moment.sent)}/s  acked ${count(moment.acked)}/s`;
  const missing = `lost ${alarm(counts.lost + moment.missing)}  duplicated ${alarm(counts.duplicated)}`;
  const wrong = `out of order ${alarm(counts.outOfOrder + counts.gaps)}`;
  const badges = `wrong badges ${alarm(counts.wrongBadges + moment.badgesOff)}`;
  const connections = `connected ${count(moment.connected)}  reconnects ${count(counts.reconnects)}`;
  return [
    `${clock(moment.at)} ${phase}  ${rates}  in flight ${count(moment.inFlight)}`,
    `ack ${latency(ack)}  delivery ${latency(delivery)}`,
    `${missing}  ${wrong}  ${badges}`,
    `${connections}  generator ${moment.cpu > BUSY ? styleText('yellow', cpu) : cpu}`,
    ...(refused.length > 0 ? [styleText('yellow', `refused ${refused.join(', ')}`)] : []),
  ];
}

function latency({ count: samples, p50, p99 }: Percentiles): string {
  return samples === 0 ? 'p50 – p99 –' : `p50 ${ms(p50)} p99 ${ms(p99)} ms`;
}

/** The first `width` characters of a line, not counting colours. */
function cut(line: string, width: number): string {
  let room = width;
  // Every second piece is a colour.
  const pieces = line.split(COLOUR).map((piece, i) => {
    if (i % 2 === 1) return piece;
    const shown = piece.slice(0, room);
    room -= shown.length;
    return shown;
  });
  return pieces.join('');
}
