import type { Socket } from 'node:net';
import type { Random } from './random.ts';

/**
 * State of one direction of a proxied connection. `held`: it forwards nothing. `dropped`: it accepts all bytes and
 * drops them.
 */
export type LineState =
  | { kind: 'pass' }
  | { kind: 'held' }
  | { kind: 'dropped' }
  | { kind: 'delay'; ms: number; jitterMs: number }
  | { kind: 'bandwidth'; bytesPerSecond: number };

/** Bytes kept in memory in each direction of a connection. The buffers of the kernel are additional. */
const HELD_BYTES = 256 * 1024;

/**
 * One direction of a proxied connection: bytes go from `source` to `sink`, delayed according to the state.
 *
 *   source ──data──▶ [chunks with a due time, at most HELD_BYTES] ──when due, and the sink has room──▶ sink
 *
 * Further bytes stay in the buffers of the kernel: the source is paused, and its peer sees a full window, as on a real
 * network. The end of the stream is forwarded after the bytes before it.
 */
export class FaultLine {
  #source: Socket;
  #sink: Socket;
  #random: Random;
  #state: LineState;
  #held: { chunk: Buffer | undefined; dueAt: number }[] = [];
  #heldBytes = 0;
  /** Due time of the last byte accepted so far. No byte overtakes it. */
  #lastDueAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #waitsForDrain = false;
  #onForwarded: (bytes: number) => void;

  /** `onForwarded` is called with the number of bytes written to the sink. */
  constructor(source: Socket, sink: Socket, state: LineState, random: Random, onForwarded: (bytes: number) => void) {
    this.#source = source;
    this.#sink = sink;
    this.#state = state;
    this.#random = random;
    this.#onForwarded = onForwarded;
    source.on('data', (chunk: Buffer) => this.#accept(chunk));
    source.on('end', () => this.#accept(undefined));
    sink.on('drain', () => {
      this.#waitsForDrain = false;
      this.#forward();
    });
    this.#regulate();
  }

  change(state: LineState): void {
    this.#state = state;
    if (state.kind === 'dropped') this.close();
    const now = performance.now();
    // Bytes delayed under the old state get due times under the new one.
    this.#lastDueAt = now;
    for (const one of this.#held) one.dueAt = state.kind === 'pass' ? now : this.#dueAt(one.chunk?.length ?? 0);
    this.#regulate();
    this.#forward();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#held = [];
    this.#heldBytes = 0;
  }

  #accept(chunk: Buffer | undefined): void {
    if (this.#state.kind === 'dropped') return;
    this.#held.push({ chunk, dueAt: this.#dueAt(chunk?.length ?? 0) });
    this.#heldBytes += chunk?.length ?? 0;
    this.#regulate();
    this.#forward();
  }

  #dueAt(bytes: number): number {
    const now = performance.now();
    const state = this.#state;
    let at = now;
    if (state.kind === 'delay') at = now + state.ms + this.#random() * state.jitterMs;
    if (state.kind === 'bandwidth') at = Math.max(now, this.#lastDueAt) + (bytes / state.bytesPerSecond) * 1_000;
    this.#lastDueAt = Math.max(at, this.#lastDueAt);
    return this.#lastDueAt;
  }

  #forward(): void {
    clearTimeout(this.#timer);
    while (!this.#waitsForDrain && this.#state.kind !== 'held') {
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
      this.#onForwarded(next.chunk.length);
      this.#regulate();
    }
  }

  #regulate(): void {
    const full = this.#state.kind === 'held' || this.#heldBytes >= HELD_BYTES;
    if (full) this.#source.pause();
    else this.#source.resume();
  }
}
