import { quantile } from '@chat-cluster/testkit/lean-client';
import type { Latency, Second } from './run.ts';

/** Times of all messages of a run, by message number. Columns of numbers: a run has up to a million messages. */
export class MeasuredMessages {
  /** On the clock of performance.now(). */
  readonly dueAt: number[] = [];
  /** Milliseconds from the due time until the ack, and until the last device received the message. Infinity: never. */
  readonly ackMs: number[] = [];
  readonly deliveryMs: number[] = [];

  /** Returns the number of the new message. */
  add(due: number): number {
    this.ackMs.push(Infinity);
    this.deliveryMs.push(Infinity);
    return this.dueAt.push(due) - 1;
  }

  /** The latencies of the messages that were due from `from` to `to`. */
  between(from: number, to: number): { ackMs: number[]; deliveryMs: number[] } {
    const numbers = this.#dueBetween(from, to);
    const latencies = (column: number[]) => numbers.map((number) => column[number] as number);
    return { ackMs: latencies(this.ackMs), deliveryMs: latencies(this.deliveryMs) };
  }

  /** One entry for each second from `from` on. */
  timeline(from: number, to: number): Second[] {
    const secondOf = (number: number) => Math.floor(((this.dueAt[number] as number) - from) / 1_000);
    const seconds = Map.groupBy(this.#dueBetween(from, to), secondOf);
    return Array.from({ length: Math.max(-1, ...seconds.keys()) + 1 }, (_, second) => {
      const numbers = seconds.get(second) ?? [];
      const acks = numbers.map((number) => this.ackMs[number] as number).filter(Number.isFinite);
      return { sent: numbers.length, acked: acks.length, ackP99: latencyOf(acks).p99 };
    });
  }

  #dueBetween(from: number, to: number): number[] {
    return [...this.dueAt.keys()].filter((number) => {
      const due = this.dueAt[number] as number;
      return due >= from && due < to;
    });
  }
}

/** Percentiles in ms. */
export function latencyOf(values: readonly number[]): Latency {
  return { p50: quantile(values, 0.5) || 0, p99: quantile(values, 0.99) || 0, max: quantile(values, 1) || 0 };
}
