import { readFileSync } from 'node:fs';
import { every } from '@chat-cluster/runtime';

const SAMPLE_INTERVAL_MS = 50;

/** Resident memory of a process while it is watched. */
export interface MemoryWatch {
  /** Largest growth since the start of the watch, in MB. */
  readonly grewMb: number;
  stop(): Promise<void>;
}

export function watchMemory(pid: number): MemoryWatch {
  const before = residentMb(pid);
  let peak = before;
  const sampling = every(SAMPLE_INTERVAL_MS, () => {
    peak = Math.max(peak, residentMb(pid));
  });
  return {
    get grewMb() {
      return peak - before;
    },
    stop: () => sampling.stop(),
  };
}

/** Resident memory in MB; 0 when the process does not exist. */
function residentMb(pid: number): number {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Math.round(Number(kilobytes) / 1_024);
  } catch {
    return 0;
  }
}
