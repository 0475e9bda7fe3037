import { readFileSync } from 'node:fs';

const SAMPLE_EVERY_MS = 50;

/** Resident memory of a process while it is watched. */
export interface MemoryWatch {
  /** Megabytes by which it was ever above its beginning. */
  readonly grewMb: number;
  stop(): void;
}

export function watchMemory(pid: number): MemoryWatch {
  const before = megabytes(pid);
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, megabytes(pid));
  }, SAMPLE_EVERY_MS).unref();
  return {
    get grewMb() {
      return peak - before;
    },
    stop: () => clearInterval(timer),
  };
}

/** 0 when the process is gone. */
function megabytes(pid: number): number {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Math.round(Number(kilobytes) / 1_024);
  } catch {
    return 0;
  }
}
