import type { ClusterVerdict, ProcessState, StateChange } from '@chat-cluster/contracts';
import type { Facts } from './conditions.ts';

/** Most changes that are kept. */
const MAX_CHANGES = 50;

/**
 * Recent changes of state: the differences between one overview and the next. Without an open page there is no overview,
 * so a difference may be old: starts and silences have the times that the processes reported.
 */
export class ChangeLog {
  #changes: StateChange[] = [];
  #processes = new Map<string, ProcessState>();
  #servers = new Map<string, boolean>();
  #verdict: ClusterVerdict['state'] | undefined;

  /** Compares with the previous overview. Returns the changes, newest first. */
  add(facts: Facts, verdict: ClusterVerdict): readonly StateChange[] {
    this.#compareProcesses([...facts.gateways, ...facts.workers], facts.at);
    for (const { role, server, up } of facts.redis) this.#compareServer(`Redis ${role} (${server})`, up, facts.at);
    this.#compareServer(`Postgres (${facts.postgres.server})`, facts.postgres.up, facts.at);
    if (this.#verdict !== undefined && this.#verdict !== verdict.state) {
      const why = verdict.alerts.map(({ name }) => name).join(', ');
      this.#note({ at: facts.at, subject: '', text: why ? `${verdict.state}: ${why}` : verdict.state });
    }
    this.#verdict = verdict.state;
    this.#changes = this.#changes.sort((a, b) => b.at - a.at).slice(0, MAX_CHANGES);
    return this.#changes;
  }

  #compareProcesses(processes: readonly ProcessState[], now: number): void {
    const before = this.#processes;
    this.#processes = new Map(processes.map((one) => [one.id, one]));
    for (const one of processes) {
      const { id, name: subject, state } = one;
      const known = before.get(id);
      if (!known) this.#note({ at: one.startedAt, subject, text: `started, version ${one.version}` });
      if (known?.state === state || (!known && state !== 'draining' && state !== 'silent')) continue;
      this.#note({
        at: state === 'silent' ? one.seenAt : now,
        subject,
        text: state === 'silent' ? 'went silent' : state,
      });
    }
    for (const { id, name: subject, state } of before.values()) {
      if (!this.#processes.has(id)) this.#note({ at: now, subject, text: state === 'silent' ? 'is gone' : 'stopped' });
    }
  }

  #compareServer(subject: string, up: boolean, at: number): void {
    const before = this.#servers.get(subject);
    this.#servers.set(subject, up);
    if (before === up || (before === undefined && up)) return;
    this.#note({ at, subject, text: up ? 'responds again' : 'does not respond' });
  }

  #note(change: StateChange): void {
    this.#changes.push(change);
  }
}
