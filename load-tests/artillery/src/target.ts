import { clusterSecret, findCluster, loadEnvFile } from '@chat-cluster/local-cluster';
import { UserError } from '@chat-cluster/runtime';
import type { Options } from './options.ts';

/** The cluster, and the secret that signs its tokens. */
export type Target = Awaited<ReturnType<typeof findTarget>>;

/** Longest wait for the response of the cluster, in ms. */
const RESPONSE_MS = 5_000;

/** The cluster of `--url`, else the one that runs on DATA_DIR. Throws UserError without a response or a secret. */
export async function findTarget(options: Pick<Options, 'url' | 'secretFile'>) {
  loadEnvFile();
  const { url } = findCluster(options.url);
  const secret = clusterSecret(options.secretFile);
  if (!secret) throw new UserError('Set JWT_SECRET to the secret of that cluster, or pass --secret-file.');
  await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(RESPONSE_MS) }).catch((error: Error) => {
    throw new UserError(`${url} does not respond (${(error.cause as Error | undefined)?.message ?? error.message}).`);
  });
  return { url, secret };
}
