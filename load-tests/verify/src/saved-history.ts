import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { defaultDataFolder } from '@chat-cluster/local-cluster';
import type { History } from '@chat-cluster/testkit';

/** A history with what it takes to have the same round again. */
export interface SavedHistory {
  fault: string;
  seed: string;
  round: number;
  /** The trouble on the clock of the history. */
  from: number;
  to: number;
  breaches: string[];
  history: History;
}

type Round = Pick<SavedHistory, 'fault' | 'seed' | 'round'>;

/** Writes it into the data folder as gzipped JSON; returns the file. */
export function saveHistory(saved: SavedHistory): string {
  const file = `${pathOf(saved)}.json.gz`;
  writeFileSync(file, gzipSync(JSON.stringify(saved)));
  return file;
}

/** Keeps a copy of the logs of a cluster beside the history; returns the folder. */
export function saveLogs(round: Round, logsDir: string): string {
  const folder = `${pathOf(round)}-logs`;
  cpSync(logsDir, folder, { recursive: true });
  return folder;
}

function pathOf({ fault, seed, round }: Round): string {
  const folder = join(defaultDataFolder, 'verify');
  mkdirSync(folder, { recursive: true });
  return join(folder, `${fault}-seed-${seed.replaceAll(/\W/g, '_')}-round-${round}`);
}

export function loadHistory(file: string): SavedHistory {
  return JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as SavedHistory;
}
