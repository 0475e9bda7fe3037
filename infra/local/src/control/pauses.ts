import { readFileSync } from 'node:fs';
import { continueAfterThisProcess, signalQuietly } from '@chat-cluster/local-cluster';

/** Longest pause, in ms. A forgotten pause ends after it. */
export const LONGEST_PAUSE_MS = 60_000;

interface Pause {
  pid: number;
  /** The process and its descendants: Postgres has one for each connection. */
  pids: readonly number[];
  timer: NodeJS.Timeout;
}

/**
 * Pauses processes (SIGSTOP) and lets them continue (SIGCONT): on request, after LONGEST_PAUSE_MS, and when this process
 * ends, also when it is killed.
 */
export class Pauses {
  readonly #byName = new Map<string, Pause>();
  readonly #longestMs: number;
  readonly #onTimeout: (name: string) => void;

  /** `onTimeout` is called after a pause that has ended by itself. */
  constructor(onTimeout: (name: string) => void, longestMs = LONGEST_PAUSE_MS) {
    this.#onTimeout = onTimeout;
    this.#longestMs = longestMs;
  }

  pause(name: string, pid: number): void {
    this.resume(name);
    // The parent first: then it starts no more children.
    signalQuietly(pid, 'SIGSTOP');
    const pids = [pid, ...descendantsOf(pid)];
    for (const one of pids) {
      continueAfterThisProcess(one);
      signalQuietly(one, 'SIGSTOP');
    }
    const timer = setTimeout(() => {
      this.resume(name);
      this.#onTimeout(name);
    }, this.#longestMs);
    this.#byName.set(name, { pid, pids, timer });
  }

  /** Has no effect if no process of that name is paused. */
  resume(name: string): void {
    const paused = this.#byName.get(name);
    if (!paused) return;
    this.#byName.delete(name);
    clearTimeout(paused.timer);
    for (const pid of paused.pids.toReversed()) signalQuietly(pid, 'SIGCONT');
  }

  /** True while this process is paused; false for another one of the same name. */
  isPaused(name: string, pid: number): boolean {
    return this.#byName.get(name)?.pid === pid;
  }

  resumeAll(): void {
    for (const name of [...this.#byName.keys()]) this.resume(name);
  }
}

function descendantsOf(pid: number): number[] {
  const children = childrenOf(pid);
  return [...children, ...children.flatMap(descendantsOf)];
}

/** Empty for a process that has ended, and on systems without this file. */
function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
