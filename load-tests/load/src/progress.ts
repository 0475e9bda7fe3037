import { styleText } from 'node:util';
import { clock, count, ms, percent } from './figures.ts';
import type { Moment, Percentiles } from './merge.ts';

/** Above it, latencies are those of the generator rather than of the cluster. */
export const BUSY = 0.8;
/** Where lines can not be rewritten: one each so many seconds. */
const PLAIN_EVERY_S = 5;
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours are made of.
const COLOUR = /(\u001b\[\d+m)/;

/** What is seen while a run goes on: on a terminal a block that is rewritten, else a line now and then. */
export class Progress {
  #stream: NodeJS.WriteStream;
  #live: boolean;
  /** Lines that stand there to be rewritten. */
  #block = 0;
  #plainAt = Number.NEGATIVE_INFINITY;

  constructor(stream: NodeJS.WriteStream = process.stdout) {
    this.#stream = stream;
    this.#live = stream.isTTY === true;
  }

  /** Stays, above whatever is rewritten. */
  line(text: string): void {
    this.#clear();
    this.#stream.write(`${text}\n`);
  }

  /** A step that takes a while: replaced by whatever comes next. */
  step(text: string): void {
    if (this.#live) this.#rewrite([text]);
  }

  moment(moment: Moment, phase: string): void {
    if (this.#live) {
      this.#rewrite(blockOf(moment, phase));
      return;
    }
    if (moment.at - this.#plainAt < PLAIN_EVERY_S) return;
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
  const busy = percent(moment.cpu);
  return [
    `${clock(moment.at)} ${phase}  sent ${count(moment.sent)}/s  acked ${count(moment.acked)}/s  in flight ${count(moment.inFlight)}`,
    `ack ${latency(ack)}  delivery ${latency(delivery)}`,
    `lost ${alarm(counts.lost + moment.missing)}  duplicated ${alarm(counts.duplicated)}  out of order ${alarm(counts.outOfOrder + counts.gaps)}  wrong badges ${alarm(counts.wrongBadges + moment.badgesOff)}`,
    `connected ${count(moment.connected)}  reconnects ${count(counts.reconnects)}  generator ${moment.cpu > BUSY ? styleText('yellow', busy) : busy}`,
    ...(refused.length > 0 ? [styleText('yellow', `refused ${refused.join(', ')}`)] : []),
  ];
}

function latency({ count: measured, p50, p99 }: Percentiles): string {
  return measured === 0 ? 'p50 – p99 –' : `p50 ${ms(p50)} p99 ${ms(p99)} ms`;
}

/** To `width` letters; what colours them takes no room. */
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
