import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { collectedMemory, growthMb, type Memory, watchMemory } from '@chat-cluster/testkit/processes';
import type { Target } from '../target.ts';

const MEMORY_EVERY_MS = 250;
/**
 * Largest growth of one process over its size without garbage at the start, in MB: 134 for unread output, 48 for new
 * objects, 179 for old garbage (as much as live objects: the 45 at the start and the unread output), 21 for 1,500
 * connections, and 120 that malloc keeps of freed buffers (OPERATE.md).
 */
const GROWTH_MB = 502;
/**
 * Largest growth of what one process keeps after its garbage was collected and all connections were closed, in MB:
 * objects and buffers, and resident memory. The latter includes what malloc keeps of freed buffers: up to 121 MB after
 * 43,000 inputs, and no more from flood to flood.
 */
const KEPT_MB = { live: 30, resident: 150 };
/** Time for a process to free closed connections, in ms. */
const FREED_WITHIN_MS = 20_000;
/** Points of the curve of resident memory. */
const POINTS = 12;

/** No gateway, fork or worker ends, and the memory of gateways and forks stays bounded. */
export class Processes {
  readonly #target: Target;
  readonly #pids: number[];
  readonly #before: Memory[];
  readonly #exitsBefore: number;
  readonly #memory: ReturnType<typeof watchMemory>;
  #kept: Memory[] = [];

  private constructor(target: Target, pids: number[], before: Memory[]) {
    this.#target = target;
    this.#exitsBefore = target.cluster.exits.length;
    this.#pids = pids;
    this.#before = before;
    this.#memory = watchMemory(pids, MEMORY_EVERY_MS);
  }

  static async start(target: Target): Promise<Processes> {
    const pids = gatewayPids(target);
    return new Processes(target, pids, await memoryOf(pids, target));
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
      const grown = growthMb(samples);
      return grown > GROWTH_MB ? [`process ${i + 1} of the gateways grew by ${grown} MB`] : [];
    });
  }

  /** What the processes keep when the connections of the fuzzer are closed; call it once, at the end. */
  async leaks(): Promise<string[]> {
    const deadline = performance.now() + FREED_WITHIN_MS;
    for (;;) {
      this.#kept = await memoryOf(this.#pids, this.#target);
      const leaks = this.#kept.flatMap((after, i) => leaksOf(after, this.#before[i] ?? after, i));
      if (leaks.length === 0 || performance.now() > deadline) return leaks;
      await delay(2_000);
    }
  }

  /** The largest growth of a process so far, in MB. */
  get grownMb(): number {
    return Math.max(...this.#memory.samples.map(growthMb));
  }

  /** One line per process: its resident memory over time, in MB, and what it keeps. */
  figures(): string[] {
    return this.#memory.samples.map((samples, i) => {
      const size = Math.max(1, Math.ceil(samples.length / POINTS));
      const curve = Array.from({ length: Math.ceil(samples.length / size) }, (_, at) =>
        mb(Math.max(...samples.slice(at * size, (at + 1) * size))),
      );
      const [before, after] = [this.#before[i], this.#kept[i]];
      const kept = (read: (memory: Memory) => number) =>
        before && after ? `${mb(read(before))} → ${mb(read(after))} MB` : 'unknown';
      const collected = `collected ${kept(({ rssCollected }) => rssCollected)}, live ${kept(liveBytes)}`;
      return `process ${i + 1} of the gateways: resident ${curve.join(' ')} MB; ${collected}`;
    });
  }

  stop(): Promise<void> {
    return this.#memory.stop();
  }
}

function leaksOf(after: Memory, before: Memory, index: number): string[] {
  const live = mb(liveBytes(after) - liveBytes(before));
  const resident = mb(after.rssCollected - before.rssCollected);
  const process = `process ${index + 1} of the gateways`;
  return [
    ...(live > KEPT_MB.live ? [`${process} keeps ${live} MB of objects and buffers`] : []),
    ...(resident > KEPT_MB.resident ? [`${process} keeps ${resident} MB of resident memory`] : []),
  ];
}

function liveBytes({ heapUsed, external }: Memory): number {
  return heapUsed + external;
}

/** Empty when a process has ended, which is a problem of its own. */
async function memoryOf(pids: readonly number[], { probes }: Target): Promise<Memory[]> {
  return await Promise.all(pids.map((pid) => collectedMemory(pid, probes))).catch(() => []);
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

function mb(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
