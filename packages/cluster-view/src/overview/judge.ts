import type { ClusterVerdict, HeldAlert } from '@chat-cluster/contracts';
import { CONDITIONS, type Condition, type Facts } from './conditions.ts';

/** Time between two calls after which the durations of the conditions start anew, in ms. */
const FORGET_AFTER_MS = 10_000;

/** Judges the state of the cluster, and keeps the time at which each condition began to hold. */
export class Judge {
  #since = new Map<string, number>();
  #judgedAt = 0;

  judge(facts: Facts): ClusterVerdict {
    const now = performance.now();
    if (now - this.#judgedAt > FORGET_AFTER_MS) this.#since.clear();
    this.#judgedAt = now;
    const held = CONDITIONS.flatMap((condition) => {
      const summary = this.#summaryOf(condition, facts, now);
      return summary ? [{ condition, summary }] : [];
    });
    const broken = held.some(({ condition: { breaks } }) => (typeof breaks === 'function' ? breaks(facts) : breaks));
    return {
      state: broken ? 'broken' : held.length > 0 ? 'degraded' : 'healthy',
      alerts: held.map(({ condition: { name, severity }, summary }): HeldAlert => {
        return { name, severity, summary, runbook: name.toLowerCase() };
      }),
    };
  }

  #summaryOf({ name, holds, forMs = 0 }: Condition, facts: Facts, now: number): string | undefined {
    const summary = holds(facts);
    if (!summary) {
      this.#since.delete(name);
      return undefined;
    }
    const since = this.#since.get(name) ?? now;
    this.#since.set(name, since);
    return now - since >= forMs ? summary : undefined;
  }
}
