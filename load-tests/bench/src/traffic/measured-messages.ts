import { quantile } from '@chat-cluster/testkit/lean-client';
import type { Latency, Second } from './run.ts';

/**
 * Times of the messages that were due in the measured time. Columns of numbers: a run has up to half a million rows.
 */
export class MeasuredMessages {
  /** On the clock of performance.now(). */
  readonly dueAt: number[] = [];
  /** Milliseconds from the due time until the ack, and until the last device received the message. Infinity: never. */
  readonly ackMs: number[] = [];
  readonly deliveryMs: number[] = [];

  /** Returns the row of the new message. */
  add(due: number): number {
    this.ackMs.push(Infinity);
    this.deliveryMs.push(Infinity);
    return this.dueAt.push(due) - 1;
  }

  /** One entry for each second from `from` on. */
  timeline(from: number): Second[] {
    const seconds = Map.groupBy(this.dueAt.keys(), (row) => Math.floor(((this.dueAt[row] as number) - from) / 1_000));
    return Array.from({ length: Math.max(-1, ...seconds.keys()) + 1 }, (_, second) => {
      const rows = seconds.get(second) ?? [];
      const acks = rows.map((row) => this.ackMs[row] as number).filter(Number.isFinite);
      return { sent: rows.length, acked: acks.length, ackP99: latencyOf(acks).p99 };
    });
  }
}

/** Percentiles in ms. */
export function latencyOf(values: readonly number[]): Latency {
  return { p50: quantile(values, 0.5) || 0, p99: quantile(values, 0.99) || 0, max: quantile(values, 1) || 0 };
}
