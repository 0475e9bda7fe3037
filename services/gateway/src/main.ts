import cluster from 'node:cluster';
import { runMain } from '@chat-cluster/runtime';
import { loadConfig } from './config.ts';

await runMain(async () => {
  const config = loadConfig(process.env);
  // Dynamic imports, so that a supervisor does not load what only a gateway needs.
  if (cluster.isPrimary && config.GATEWAY_PROCESSES > 1)
    await (await import('./cluster/supervise.ts')).supervise(config);
  else await (await import('./serve.ts')).serve(config);
});
