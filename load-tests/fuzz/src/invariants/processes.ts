import { readFileSync } from 'node:fs';
import { residentBytes, watchMemory } from '@chat-cluster/testkit/processes';
import type { Target } from '../target.ts';

const MEMORY_EVERY_MS = 250;
/** Largest growth of one process over its size at the start, in MB. */
const GROWTH_MB = 250;
/** Growth of the median over the second half of a long run, in MB. */
const LEAK_MB = 60;
/** A run with fewer samples is too short for the search for leaks: 5 minutes. */
const LEAK_SAMPLES = 1_200;

/** No gateway, fork or worker ends, and the memory of gateways and forks stays bounded. */
export class Processes {
  readonly #target: Target;
  readonly #pids: number[];
  readonly #exitsBefore: number;
  readonly #memory: ReturnType<typeof watchMemory>;

  constructor(target: Target) {
    this.#target = target;
    this.#exitsBefore = target.cluster.exits.length;
    this.#pids = gatewayPids(target);
    this.#memory = watchMemory(this.#pids, MEMORY_EVERY_MS);
  }

  /** Exits so far. */
  problems(): string[] {
    const exits = this.#target.cluster.exits.slice(this.#exitsBefore).map(({ process, how }) => `${process}: ${how}`);
    const now = gatewayPids(this.#target);
    const ended = this.#pids.filter((pid) => !now.includes(pid));
    return [...exits, ...(ended.length > 0 ? [`a process of a gateway ended: pid ${ended.join(', ')}`] : [])];
  }

  /** Bounds that memory exceeds. */
  growth(): string[] {
    return this.#memory.samples.flatMap((samples, i) => {
      const grown = (Math.max(...samples) - (samples[0] ?? 0)) / 2 ** 20;
      const leaked = samples.length < LEAK_SAMPLES ? 0 : leakMb(samples);
      const process = `process ${i + 1} of the gateways`;
      return [
        ...(grown > GROWTH_MB ? [`${process} grew by ${Math.round(grown)} MB`] : []),
        ...(leaked > LEAK_MB ? [`${process} grew by ${Math.round(leaked)} MB in the second half of the run`] : []),
      ];
    });
  }

  async figures(): Promise<string> {
    const now = await Promise.all(this.#pids.map((pid) => residentBytes(pid)));
    return now.map((bytes, i) => `${mb(this.#memory.samples[i]?.[0] ?? 0)} → ${mb(bytes)}`).join(', ');
  }

  stop(): Promise<void> {
    return this.#memory.stop();
  }
}

/** Median of the last quarter above that of the third one. */
function leakMb(samples: readonly number[]): number {
  const quarter = Math.floor(samples.length / 4);
  const median = (part: number[]) => part.toSorted((a, b) => a - b)[Math.floor(part.length / 2)] ?? 0;
  return (median(samples.slice(-quarter)) - median(samples.slice(-2 * quarter, -quarter))) / 2 ** 20;
}

/** Pids of the gateways and their forks. Forks are found on Linux only. */
function gatewayPids({ cluster }: Target): number[] {
  return cluster.gateways.flatMap((gateway) => [gateway.pid(), ...childrenOf(gateway.pid())]);
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function mb(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`;
}
