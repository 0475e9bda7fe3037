import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { defaultDataFolder } from '@chat-cluster/local-cluster';
import type { History } from '@chat-cluster/testkit';

/** Identifies a round, so that it can be run again. */
export interface RoundId {
  fault: string;
  seed: string;
  round: number;
}

/** A history with the round that produced it. */
export interface SavedHistory extends RoundId {
  /** Start and end of the fault, on the clock of the history. */
  from: number;
  to: number;
  breaches: string[];
  history: History;
}

/** Writes the history as gzipped JSON into the data folder. Returns the file. */
export function saveHistory(saved: SavedHistory): string {
  const file = `${pathOf(saved)}.json.gz`;
  writeFileSync(file, gzipSync(JSON.stringify(saved)));
  return file;
}

export function loadHistory(file: string): SavedHistory {
  return JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as SavedHistory;
}

/** Copies the logs of a cluster beside the history. Returns the folder. */
export function saveLogs(round: RoundId, logsDir: string): string {
  const folder = `${pathOf(round)}-logs`;
  cpSync(logsDir, folder, { recursive: true });
  return folder;
}

function pathOf({ fault, seed, round }: RoundId): string {
  const folder = join(defaultDataFolder, 'verify');
  mkdirSync(folder, { recursive: true });
  return join(folder, `${fault}-seed-${seed.replaceAll(/\W/g, '_')}-round-${round}`);
}
