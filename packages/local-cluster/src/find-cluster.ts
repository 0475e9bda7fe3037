import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { readClusterFile } from './cluster-file.ts';
import { readDataDir } from './data-dir.ts';
import { readSecret } from './secret-file.ts';

/**
 * The cluster at `url` (of the option --url), else the one that runs on DATA_DIR. `gateways`: their number, if it is
 * known. Throws UserError when none runs.
 */
export function findCluster(url: string | undefined): { url: string; gateways: number | undefined } {
  if (url !== undefined) return { url: url.replace(/\/+$/, ''), gateways: undefined };
  const dataDir = readDataDir(process.env);
  const running = readClusterFile(dataDir);
  if (!running) throw new UserError(`No cluster runs on ${dataDir}: run npm start first, or pass --url.`);
  return { url: running.url, gateways: running.gateways.length };
}

/**
 * The secret that signs the tokens of a cluster: in `file` (of the option --secret-file), else JWT_SECRET, else that of
 * the cluster in DATA_DIR, if there is one.
 */
export function clusterSecret(file?: string): string | undefined {
  if (file !== undefined) return readGivenFile(file, '--secret-file');
  return process.env.JWT_SECRET || readSecret(join(readDataDir(process.env), 'jwt-secret'));
}

/** The trimmed content of a file that an option of a command names. Throws UserError when it cannot be read. */
export function readGivenFile(file: string, option: string): string {
  try {
    // npm changes to the repository; a relative path is relative to where npm was called.
    return readFileSync(resolve(process.env.INIT_CWD ?? '', file), 'utf8').trim();
  } catch (error) {
    throw new UserError(`${option}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
