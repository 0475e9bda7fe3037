/*
 * One direction of a proxied connection: bytes go from `source` to `sink`, held back as the weather says.
 *
 *   source ──data──▶ [chunks with a due time, at most HELD_BYTES] ──when due, and the sink has room──▶ sink
 *
 * What does not fit stays in the kernel's buffers: the source is paused, and its peer sees a full window, as it would on
 * a real network. The end of the stream takes its turn behind the bytes before it.
 */
import type { Socket } from 'node:net';
import type { Random } from './random.ts';

/** What a direction does to its bytes. A frozen one forwards nothing; a deaf one takes everything and drops it. */
export type Weather =
  | { kind: 'pass' }
  | { kind: 'frozen' }
  | { kind: 'deaf' }
  | { kind: 'delay'; ms: number; jitterMs: number }
  | { kind: 'bandwidth'; bytesPerSecond: number };

/** Bytes held in memory in each direction of a connection; the kernel's buffers come on top. */
const HELD_BYTES = 256 * 1024;

export class FaultLine {
  #source: Socket;
  #sink: Socket;
  #random: Random;
  #weather: Weather;
  #held: { chunk: Buffer | undefined; dueAt: number }[] = [];
  #heldBytes = 0;
  /** When the last byte taken so far is due; nothing overtakes it. */
  #lastDueAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #waitsForDrain = false;
  #forwarded: (bytes: number) => void;

  /** `forwarded` hears how many bytes the sink was given. */
  constructor(source: Socket, sink: Socket, weather: Weather, random: Random, forwarded: (bytes: number) => void) {
    this.#source = source;
    this.#sink = sink;
    this.#weather = weather;
    this.#random = random;
    this.#forwarded = forwarded;
    source.on('data', (chunk: Buffer) => this.#take(chunk));
    source.on('end', () => this.#take(undefined));
    sink.on('drain', () => {
      this.#waitsForDrain = false;
      this.#forward();
    });
    this.#regulate();
  }

  change(weather: Weather): void {
    this.#weather = weather;
    if (weather.kind === 'deaf') this.close();
    const now = performance.now();
    // What was held back under the old weather is due by the new one's rules.
    this.#lastDueAt = now;
    for (const one of this.#held) one.dueAt = weather.kind === 'pass' ? now : this.#dueAt(one.chunk?.length ?? 0);
    this.#regulate();
    this.#forward();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#held = [];
    this.#heldBytes = 0;
  }

  #take(chunk: Buffer | undefined): void {
    if (this.#weather.kind === 'deaf') return;
    this.#held.push({ chunk, dueAt: this.#dueAt(chunk?.length ?? 0) });
    this.#heldBytes += chunk?.length ?? 0;
    this.#regulate();
    this.#forward();
  }

  #dueAt(bytes: number): number {
    const now = performance.now();
    const weather = this.#weather;
    let at = now;
    if (weather.kind === 'delay') at = now + weather.ms + this.#random() * weather.jitterMs;
    if (weather.kind === 'bandwidth') at = Math.max(now, this.#lastDueAt) + (bytes / weather.bytesPerSecond) * 1_000;
    this.#lastDueAt = Math.max(at, this.#lastDueAt);
    return this.#lastDueAt;
  }

  #forward(): void {
    clearTimeout(this.#timer);
    while (!this.#waitsForDrain && this.#weather.kind !== 'frozen') {
      const next = this.#held[0];
      if (!next) return;
      const wait = next.dueAt - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#forward(), Math.ceil(wait));
        return;
      }
      this.#held.shift();
      if (next.chunk === undefined) {
        this.#sink.end();
        return;
      }
      this.#heldBytes -= next.chunk.length;
      if (this.#sink.writable) this.#waitsForDrain = !this.#sink.write(next.chunk);
      this.#forwarded(next.chunk.length);
      this.#regulate();
    }
  }

  #regulate(): void {
    const full = this.#weather.kind === 'frozen' || this.#heldBytes >= HELD_BYTES;
    if (full) this.#source.pause();
    else this.#source.resume();
  }
}
