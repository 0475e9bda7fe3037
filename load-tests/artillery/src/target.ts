import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadEnvFile, readClusterFile, readDataDir, readSecret } from '@chat-cluster/local-cluster';
import { UserError } from '@chat-cluster/runtime';
import type { Options } from './options.ts';

/** The cluster, and the secret that signs its tokens. */
export interface Target {
  url: string;
  secret: string;
}

/** Longest wait for the response of the cluster, in ms. */
const RESPONSE_MS = 5_000;

/** The cluster of `--url`, else the one that runs on DATA_DIR. Throws UserError without a response or a secret. */
export async function findTarget({ url, secretFile }: Pick<Options, 'url' | 'secretFile'>): Promise<Target> {
  loadEnvFile();
  const dataDir = readDataDir(process.env);
  const target = url ?? readClusterFile(dataDir)?.url;
  if (target === undefined) throw new UserError(`No cluster runs on ${dataDir}: run npm start first, or pass --url.`);
  const secret = secretFile === undefined ? process.env.JWT_SECRET || clusterSecret(dataDir) : givenSecret(secretFile);
  if (!secret) throw new UserError('Set JWT_SECRET to the secret of that cluster, or pass --secret-file.');
  await fetch(`${target}/healthz`, { signal: AbortSignal.timeout(RESPONSE_MS) }).catch((error: Error) => {
    throw new UserError(
      `${target} does not respond (${(error.cause as Error | undefined)?.message ?? error.message}).`,
    );
  });
  return { url: target, secret };
}

function clusterSecret(dataDir: string): string | undefined {
  return readSecret(join(dataDir, 'jwt-secret'));
}

function givenSecret(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new UserError(`--secret-file ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
