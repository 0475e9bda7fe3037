import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a running cluster leaves in its data folder for `npm run demo` and for curious people. Holds no secret, yet is 0600. */
export interface ClusterFile {
  url: string;
  /** Of the orchestrator. */
  pid: number;
  gateways: string[];
  processes: { name: string; pid: number; port?: number; adminPort?: number }[];
  startedAt: string;
}

/** Written aside and renamed, so a reader never sees half of it. */
export function writeClusterFile(dataDir: string, content: ClusterFile): void {
  const file = clusterFile(dataDir);
  writeFileSync(`${file}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** The cluster that runs on `dataDir`, or `undefined`: none, or only the file of one that was killed. */
export function readClusterFile(dataDir: string): ClusterFile | undefined {
  try {
    const content = JSON.parse(readFileSync(clusterFile(dataDir), 'utf8')) as ClusterFile;
    process.kill(content.pid, 0);
    return content;
  } catch {
    return undefined;
  }
}

export function removeClusterFile(dataDir: string): void {
  rmSync(clusterFile(dataDir), { force: true });
  rmSync(serversFile(dataDir), { force: true });
}

/** Where the running cluster keeps its data, for the commands of operators. The URLs carry passwords: 0600, and a file of its own. */
export interface ServersFile {
  databaseUrl: string;
  redisUrl: string;
  lanes: number;
  /** REDIS_… variables beside REDIS_URL that the services got. */
  redis: Record<string, string>;
}

export function writeServersFile(dataDir: string, content: ServersFile): void {
  const file = serversFile(dataDir);
  writeFileSync(`${file}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Those of the cluster that runs on `dataDir`, or `undefined`. */
export function readServersFile(dataDir: string): ServersFile | undefined {
  if (!readClusterFile(dataDir)) return undefined;
  try {
    return JSON.parse(readFileSync(serversFile(dataDir), 'utf8')) as ServersFile;
  } catch {
    return undefined;
  }
}

function serversFile(dataDir: string): string {
  return join(dataDir, 'servers.json');
}

function clusterFile(dataDir: string): string {
  return join(dataDir, 'cluster.json');
}
