import type { LocalAction, LocalActionResult, LocalProcess } from '@chat-cluster/contracts';
import { type Cluster, type ClusterProcess, signalQuietly, until } from '@chat-cluster/local-cluster';
import { HttpRefusal, UserError } from '@chat-cluster/runtime';
import { LONGEST_PAUSE_MS, Pauses } from './pauses.ts';

/** Most processes of each kind, gateway and worker, that may run at once. */
const MOST_OF_A_KIND = 8;

const REPLACED = 'A new process takes its place.';
const NOT_REPLACED = 'No process takes its place.';

/** Time for the cluster to notice the end of a process, or the beginning of its drain, in ms. */
const NOTICED_WITHIN_MS = 2_000;

/** Lists, adds, kills, pauses, resumes and drains the processes of a cluster. */
export class ProcessControl {
  readonly #members: Cluster['members'];
  readonly #longestPauseMs: number;
  readonly #pauses: Pauses;
  /** Names of processes that have the order to drain, until the cluster shows it: two at once must leave one. */
  readonly #ordered = new Set<string>();
  /** Resolves when the last addition has ended: one runs at a time. */
  #adding: Promise<unknown> = Promise.resolve();

  /** `log` receives a line when a pause ends by itself. */
  constructor(members: Cluster['members'], log: (line: string) => void, longestPauseMs = LONGEST_PAUSE_MS) {
    this.#members = members;
    this.#longestPauseMs = longestPauseMs;
    this.#pauses = new Pauses(
      (name) => log(`${name} continues: it was paused for ${longestPauseMs / 1_000} s`),
      longestPauseMs,
    );
  }

  list(): LocalProcess[] {
    const members = this.#members.list().map((one) => ({ ...one, state: this.#stateOf(one) }));
    return members.map((member) => this.#view(member, members));
  }

  /** Throws HttpRefusal LIMIT_EXCEEDED, or NOT_STARTED. */
  async add(kind: 'gateway' | 'worker'): Promise<LocalActionResult> {
    const adding = this.#adding.then(() => this.#add(kind));
    this.#adding = adding.catch(() => {});
    const { name } = await adding;
    return this.#result(name, `${name} is added and serves.`);
  }

  /** Throws HttpRefusal NOT_FOUND, or ACTION_NOT_POSSIBLE. */
  async act(name: string, action: LocalAction): Promise<LocalActionResult> {
    const found = this.#find(name);
    if (!found.actions.includes(action)) {
      const reason =
        action === 'drain' && found.state === 'running' ? reasonAgainstDrain(found) : `it is ${found.state}`;
      throw new HttpRefusal(409, 'ACTION_NOT_POSSIBLE', `${name} cannot ${action} now: ${reason}.`);
    }
    switch (action) {
      case 'kill':
        await this.#kill(found);
        return this.#result(name, `${name} is killed. ${found.state === 'draining' ? NOT_REPLACED : REPLACED}`);
      case 'pause':
        this.#pauses.pause(name, found.pid);
        return this.#result(name, `${name} is paused, for ${this.#longestPauseMs / 1_000} s at most.`);
      case 'resume':
        this.#pauses.resume(name);
        return this.#result(name, `${name} continues.`);
      case 'drain':
        await this.#drain(name);
        return this.#result(name, `${name} drains and ends. ${NOT_REPLACED}`);
    }
  }

  resumeAll(): void {
    this.#pauses.resumeAll();
  }

  async #kill({ name, pid }: LocalProcess): Promise<void> {
    signalQuietly(pid, 'SIGKILL');
    // Children of a paused Postgres notice its end only when they continue.
    this.#pauses.resume(name);
    await until(() => this.#find(name).pid !== pid || undefined, { withinMs: NOTICED_WITHIN_MS });
  }

  async #drain(name: string): Promise<void> {
    this.#ordered.add(name);
    try {
      this.#members.drain(name);
      const isRunning = () => this.#members.list().some((one) => one.name === name && one.state === 'running');
      await until(() => !isRunning() || undefined, { withinMs: NOTICED_WITHIN_MS });
    } finally {
      this.#ordered.delete(name);
    }
  }

  #result(name: string, done: string): LocalActionResult {
    return { done, process: this.#find(name) };
  }

  async #add(kind: 'gateway' | 'worker'): Promise<ClusterProcess> {
    const isLive = (one: ClusterProcess) => one.kind === kind && one.state !== 'ended';
    if (this.#members.list().filter(isLive).length >= MOST_OF_A_KIND) {
      throw new HttpRefusal(
        409,
        'LIMIT_EXCEEDED',
        `This cluster has ${MOST_OF_A_KIND} ${kind}s, the maximum. Drain or kill one first.`,
      );
    }
    try {
      return await this.#members.add(kind);
    } catch (error) {
      if (error instanceof UserError) throw new HttpRefusal(409, 'NOT_STARTED', error.message);
      throw error;
    }
  }

  #find(name: string): LocalProcess {
    const found = this.list().find((one) => one.name === name);
    if (!found) throw new HttpRefusal(404, 'NOT_FOUND', `This cluster has no process ${JSON.stringify(name)}.`);
    return found;
  }

  #stateOf({ name, state }: ClusterProcess): ClusterProcess['state'] {
    return state === 'running' && this.#ordered.has(name) ? 'draining' : state;
  }

  #view({ name, kind, pid, state }: ClusterProcess, all: readonly ClusterProcess[]): LocalProcess {
    if (pid !== 0 && this.#pauses.isPaused(name, pid)) {
      return { name, kind, pid, state: 'paused', actions: ['resume', 'kill'] };
    }
    if (pid === 0 || state === 'ended' || state === 'restarting') return { name, kind, pid, state, actions: [] };
    if (state === 'draining') return { name, kind, pid, state, actions: ['kill'] };
    const isOther = (one: ClusterProcess) => one.kind === kind && one.name !== name && one.state === 'running';
    const others = all.some((one) => isOther(one) && !this.#pauses.isPaused(one.name, one.pid));
    const canDrain = (kind === 'gateway' || kind === 'worker') && others;
    return { name, kind, pid, state, actions: canDrain ? ['kill', 'pause', 'drain'] : ['kill', 'pause'] };
  }
}

function reasonAgainstDrain({ kind }: LocalProcess): string {
  if (kind === 'gateway' || kind === 'worker') return `no other ${kind} runs`;
  return 'only gateways and workers drain';
}
