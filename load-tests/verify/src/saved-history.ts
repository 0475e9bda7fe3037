import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { defaultDataFolder } from '@chat-cluster/local';
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

/** Writes it into the data folder as gzipped JSON; returns the file. */
export function saveHistory(saved: SavedHistory): string {
  const folder = join(defaultDataFolder, 'verify');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${saved.fault}-seed-${saved.seed.replaceAll(/\W/g, '_')}-round-${saved.round}.json.gz`);
  writeFileSync(file, gzipSync(JSON.stringify(saved)));
  return file;
}

export function loadHistory(file: string): SavedHistory {
  return JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as SavedHistory;
}
