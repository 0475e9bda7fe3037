import cluster from 'node:cluster';
import { runMain } from '@chat-cluster/runtime';
import { loadConfig } from './config.ts';

await runMain(async () => {
  const config = loadConfig(process.env);
  // Dynamic imports, so that a supervisor does not load what only a gateway needs.
  // In local mode a single process has a supervisor too, because the pages kill, drain and add processes.
  if (cluster.isPrimary && (config.GATEWAY_PROCESSES > 1 || config.LOCAL_CONTROL_URL !== undefined))
    await (await import('./cluster/supervise.ts')).supervise(config);
  else await (await import('./serve.ts')).serve(config);
});
