import cluster from 'node:cluster';
import { runMain } from '@chat-cluster/runtime';
import { loadConfig } from './config.ts';
import { serve } from './serve.ts';
import { supervise } from './supervise.ts';

await runMain(async () => {
  const config = loadConfig(process.env);
  await (cluster.isPrimary && config.GATEWAY_PROCESSES > 1 ? supervise(config) : serve(config));
});
