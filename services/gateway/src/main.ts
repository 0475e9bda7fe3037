import cluster from 'node:cluster';
import { runMain } from '@chat-cluster/runtime';
import { loadConfig } from './config.ts';

await runMain(async () => {
  const config = loadConfig(process.env);
  // Each imports only what it needs: a supervisor has no use for what serves.
  if (cluster.isPrimary && config.GATEWAY_PROCESSES > 1)
    await (await import('./cluster/supervise.ts')).supervise(config);
  else await (await import('./serve.ts')).serve(config);
});
