import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Contents of `cluster.json` in the data folder of a running cluster, for `npm run demo` and for readers. It contains
 * no secret, but its mode is 0600.
 */
export interface ClusterFile {
  url: string;
  /** Process id of the orchestrator. */
  pid: number;
  gateways: string[];
  processes: { name: string; pid: number; port?: number; adminPort?: number }[];
  startedAt: string;
}

export function writeClusterFile(dataDir: string, content: ClusterFile): void {
  writeWhole(clusterFile(dataDir), content);
}

/** The cluster that runs on `dataDir`. Undefined when there is none, or only the file of one that was killed. */
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

/**
 * Contents of `servers.json` in the data folder: the servers of the running cluster, for the commands of operators. The
 * URLs contain passwords, so they have a file of their own with mode 0600.
 */
export interface ServersFile {
  databaseUrl: string;
  redisUrl: string;
  /** The variables of the services that these commands read too: LANES, RECOUNT_LANES, REDIS_… */
  variables: Record<string, string>;
}

export function writeServersFile(dataDir: string, content: ServersFile): void {
  writeWhole(serversFile(dataDir), content);
}

/** The servers of the cluster that runs on `dataDir`. Undefined when there is none. */
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

/** Written under another name and renamed, so that a reader never gets an incomplete file. */
function writeWhole(file: string, content: unknown): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
