import type { GatewayState, ProcessState, WorkerState } from '@chat-cluster/contracts';
import { SILENT_AFTER_MS, type Snapshot } from '../snapshots/snapshot.ts';
import type { KeptSnapshot } from '../snapshots/snapshot-store.ts';
import { countOf, mergedBuckets, quantileOf } from './histogram.ts';

export interface Processes {
  gateways: GatewayState[];
  workers: WorkerState[];
  /** The snapshots of all processes that are not silent. */
  live: Snapshot[];
}

/** The state of each process. A process that died is left out when another one has its name. */
export function processesOf(kept: readonly KeptSnapshot[]): Processes {
  const shown = kept.filter((one) => !kept.some((other) => replaces(other, one)));
  const byName = shown.toSorted((a, b) => a.snapshot.name.localeCompare(b.snapshot.name, 'en', { numeric: true }));
  const ofKind = (kind: Snapshot['kind']) => byName.filter(({ snapshot }) => snapshot.kind === kind);
  return {
    gateways: ofKind('gateway').map(gatewayOf),
    workers: ofKind('worker').map(workerOf),
    live: byName.filter((one) => !isSilent(one)).map(({ snapshot }) => snapshot),
  };
}

/** A counter's difference per second. */
export function rateOf({ differences, overMs }: Snapshot, key: string): number {
  return ((differences[key] ?? 0) * 1_000) / overMs;
}

/** Values of a gauge or of differences with a label, by the value of the label. */
export function byLabel(figures: Record<string, number>, name: string): [label: string, value: number][] {
  const prefix = `${name}:`;
  return Object.entries(figures).flatMap(([key, value]): [string, number][] =>
    key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [],
  );
}

function isSilent({ ageMs }: KeptSnapshot): boolean {
  return ageMs > SILENT_AFTER_MS;
}

/** The other one has the name of this process, which is silent, or has written nothing since the other one started. */
function replaces({ snapshot: other }: KeptSnapshot, kept: KeptSnapshot): boolean {
  const one = kept.snapshot;
  if (other.name !== one.name || other.kind !== one.kind || other.startedAt <= one.startedAt) return false;
  // The times of two machines cannot be compared.
  return isSilent(kept) || (other.host === one.host && other.startedAt > one.at);
}

function processOf(kept: KeptSnapshot): ProcessState {
  const { id, name, pid, host, version, startedAt, at, state, drainEndsAt } = kept.snapshot;
  const { cpuPercent, memoryBytes, heapBytes, eventLoopP99Ms } = kept.snapshot;
  return {
    ...{ id, name, pid, host, version, startedAt, seenAt: at, snapshotAgeMs: kept.ageMs },
    state: isSilent(kept) ? 'silent' : state,
    ...(drainEndsAt === undefined ? {} : { drainEndsAt }),
    ...{ cpuPercent, memoryBytes, heapBytes, eventLoopP99Ms },
  };
}

function gatewayOf(kept: KeptSnapshot): GatewayState {
  const { snapshot } = kept;
  const { gauges, limits } = snapshot;
  const rate = (key: string) => (isSilent(kept) ? 0 : rateOf(snapshot, key));
  const received = rate('chat_fanout_received_total');
  const useful = rate('chat_fanout_useful_total');
  return {
    ...processOf(kept),
    connections: gauges.chat_connections ?? 0,
    maxConnections: limits.maxConnections ?? 0,
    unauthenticated: gauges.unauthenticated ?? 0,
    connectsPerSecond: rate('chat_handshakes_total:ok'),
    acceptedPerSecond: rate('chat_lane_batch_entries_sum'),
    deliveredPerSecond: useful,
    fanoutWaste: received > 0 ? Math.max(0, 1 - useful / received) : 0,
    unreadBytes: gauges.unreadBytes ?? 0,
  };
}

function workerOf(kept: KeptSnapshot): WorkerState {
  const { snapshot } = kept;
  const held = byLabel(snapshot.gauges, 'chat_lane_held').flatMap(([lane, holds]) => (holds > 0 ? [lane] : []));
  const ages = held.map((lane) => snapshot.gauges[`chat_lane_oldest_age_seconds:${lane}`] ?? 0);
  const stores = mergedBuckets([snapshot], 'chat_store_batch_seconds');
  const results = byLabel(snapshot.differences, 'chat_store_results_total');
  const entries = results.reduce((sum, [, count]) => sum + count, 0);
  return {
    ...processOf(kept),
    lanesHeld: isSilent(kept) ? [] : held.sort(),
    oldestEntryMs: Math.round(Math.max(0, ...ages) * 1_000),
    entriesPerBatch: entries / Math.max(1, countOf(stores)),
    storeP99Ms: (quantileOf(stores, 0.99) ?? 0) * 1_000,
    storedPerSecond: isSilent(kept) ? 0 : rateOf(snapshot, 'chat_store_results_total:stored'),
  };
}
