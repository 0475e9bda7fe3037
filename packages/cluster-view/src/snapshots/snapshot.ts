import { z } from 'zod';

/** Time between two snapshots of a process, in ms. */
export const SNAPSHOT_EVERY_MS = 2_000;
/** Age of the newest snapshot from which a process is silent, in ms: two are missing, and the second is 0.25 s late. */
export const SILENT_AFTER_MS = 2 * SNAPSHOT_EVERY_MS + 250;

/** Longest text of a snapshot, in characters. One of a worker with six lanes has about 1,200. */
const MAX_TEXT = 262_144;
/** Longest name of a process, host or version, in characters. */
const MAX_NAME = 256;
/** The last time that a Date can have, in ms since 1970. */
const MAX_TIME = 8.64e15;

const count = z.number().nonnegative().max(Number.MAX_SAFE_INTEGER);
const counts = z.record(z.string(), z.number().min(-Number.MAX_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER)).default({});
const name = z.string().max(MAX_NAME);
const time = z.number().nonnegative().max(MAX_TIME);

/** Lower and upper bound (null: none) of a bucket, and the observations in it. */
const bucket = z.tuple([z.number(), z.number().nullable(), count]);

export type Bucket = z.output<typeof bucket>;

/**
 * The state of a process of the cluster, which it writes itself. A reader of another version accepts it: it ignores
 * unknown fields, and takes 0 for a missing figure. A field whose meaning changes needs another name.
 */
const snapshotSchema = z.object({
  /** Unique for each start of a process. For a gateway its id in the registry. */
  id: name.min(1),
  kind: z.enum(['gateway', 'worker']),
  name,
  pid: count,
  host: name,
  version: name,
  startedAt: time,
  at: time,
  state: z.enum(['starting', 'ready', 'draining']),
  drainEndsAt: time.optional(),
  /** Time that the differences below cover, in ms. */
  overMs: z.number().positive(),
  cpuPercent: count,
  memoryBytes: count,
  heapBytes: count,
  eventLoopP99Ms: count,
  /** Limits of this process, by name. */
  limits: counts,
  /** Servers that do not respond to it: redis_pubsub, redis_queue, redis_cache, postgres. */
  down: z.array(name).default([]),
  /** Gauges now, by metric, or by `metric:label`. */
  gauges: counts,
  /** Counters since the start of the process. */
  totals: counts,
  /** Counters over the interval. */
  differences: counts,
  /** Time at which a total was last found to have increased, in ms since 1970. */
  increasedAt: counts,
  /** Histograms over the interval: buckets with observations. */
  buckets: z.record(z.string(), z.array(bucket)).default({}),
});

export type Snapshot = z.output<typeof snapshotSchema>;

/** Parses a snapshot; undefined if the text is not one. The page shows its times and names: both are bounded. */
export function parseSnapshot(text: string): Snapshot | undefined {
  if (text.length > MAX_TEXT) return undefined;
  try {
    return snapshotSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
