import type { Wire } from '../src/core/seams.ts';
import type { Received } from './hand-made-server.ts';

/** A connection whose server is the test. */
export class ManualWire implements Wire {
  readonly received: Received[] = [];

  call(event: string, payload: object, onAnswer: (answer: never) => void): void {
    this.received.push({ event, payload, answer: onAnswer as (ack: object) => void });
  }

  /** The oldest event of this name that the test has not taken. */
  take(event: string): Received {
    const at = this.received.findIndex((one) => one.event === event);
    const [taken] = at < 0 ? [] : this.received.splice(at, 1);
    if (!taken) throw new Error(`no ${event} was sent`);
    return taken;
  }

  count(event: string): number {
    return this.received.filter((one) => one.event === event).length;
  }
}
