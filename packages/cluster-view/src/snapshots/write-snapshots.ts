import { hostname } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { RedisClient } from '@chat-cluster/redis';
import { every, type Lifecycle } from '@chat-cluster/runtime';
import manifest from '../../package.json' with { type: 'json' };
import { FigureReader } from './figure-reader.ts';
import { SNAPSHOT_EVERY_MS, type Snapshot } from './snapshot.ts';
import { removeSnapshot, writeSnapshot } from './snapshot-store.ts';

/** Time between two measurements of the event loop, in ms. Each takes about 35 µs, together 0.07 % of a core. */
const LOOP_RESOLUTION_MS = 50;

export interface SnapshotDeps {
  cache: RedisClient;
  process: Pick<Snapshot, 'id' | 'kind' | 'name'> & { limits?: Record<string, number> };
  /** Gauges that are no metrics, by name. */
  gauges?: () => Record<string, number>;
  lifecycle: Pick<Lifecycle, 'stopping' | 'own'>;
  /** Longest time from a stop signal to the exit, in ms. */
  endsWithinMs: number;
}

/**
 * Writes a snapshot of this process to the cache Redis every 2 s, for the cluster view. No other work waits for it. A
 * failed write is not repeated: the next snapshot follows. The last one is removed when the process stops in order, and
 * expires after ten minutes when the process dies.
 */
export function writeSnapshots({ cache, process: own, gauges, lifecycle, endsWithinMs }: SnapshotDeps) {
  const figures = new FigureReader();
  const usage = new UsageReader();
  let isReady = false;
  let drainEndsAt: number | undefined;
  const fixed = {
    limits: {},
    ...own,
    pid: process.pid,
    host: hostname(),
    version: manifest.version,
    startedAt: Math.round(performance.timeOrigin),
  };
  let cpuOfSnapshotMs = 0;
  const write = async () => {
    const cpu = process.threadCpuUsage();
    if (lifecycle.stopping) drainEndsAt ??= Date.now() + endsWithinMs;
    const read = await figures.read();
    const { snapshotGauges, down } = splitDependencies({ ...read.gauges, ...gauges?.() });
    const snapshot: Snapshot = {
      ...fixed,
      at: Date.now(),
      state: lifecycle.stopping ? 'draining' : isReady ? 'ready' : 'starting',
      ...(drainEndsAt === undefined ? {} : { drainEndsAt }),
      ...usage.read(),
      ...read,
      gauges: { ...snapshotGauges, cpuOfSnapshotMs },
      down,
    };
    const written = writeSnapshot(cache, own.id, JSON.stringify(snapshot));
    const { user, system } = process.threadCpuUsage(cpu);
    cpuOfSnapshotMs = (user + system) / 1_000;
    await written;
  };
  const writes = every(SNAPSHOT_EVERY_MS, write);
  writes.now();
  lifecycle.own('snapshots', writes, async () => {
    await writes.stop();
    usage.stop();
    await removeSnapshot(cache, own.id).catch(() => {});
  });
  return {
    /** From now on the process is shown as ready. */
    ready(): void {
      isReady = true;
      writes.now();
    },
  };
}

const DEPENDENCY = 'chat_dependency_up:';

/** The names of the servers that are down, and the other gauges. */
function splitDependencies(gauges: Record<string, number>) {
  const entries = Object.entries(gauges);
  return {
    down: entries.flatMap(([key, up]) =>
      key.startsWith(DEPENDENCY) && up === 0 ? [key.slice(DEPENDENCY.length)] : [],
    ),
    snapshotGauges: Object.fromEntries(entries.filter(([key]) => !key.startsWith(DEPENDENCY))),
  };
}

/** CPU, memory and event loop of this process since the last reading. */
class UsageReader {
  readonly #delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  #cpu = process.cpuUsage();
  #at = performance.now();

  constructor() {
    this.#delay.enable();
  }

  read() {
    const now = performance.now();
    const overMs = Math.max(1, now - this.#at);
    const { user, system } = process.cpuUsage(this.#cpu);
    const { rss, heapUsed } = process.memoryUsage();
    const p99Ms = this.#delay.count === 0 ? 0 : this.#delay.percentile(99) / 1e6;
    this.#cpu = process.cpuUsage();
    this.#at = now;
    this.#delay.reset();
    return {
      overMs: Math.round(overMs),
      cpuPercent: Math.round((user + system) / overMs) / 10,
      memoryBytes: rss,
      heapBytes: heapUsed,
      eventLoopP99Ms: Math.max(0, Math.round((p99Ms - LOOP_RESOLUTION_MS) * 10) / 10),
    };
  }

  stop(): void {
    this.#delay.disable();
  }
}
