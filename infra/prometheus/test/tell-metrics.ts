/*
 * Loaded into a service with `node --import`: tells whoever started it which metrics it has, with what /metrics does not
 * show of those that have not been observed yet.
 */
import { register } from 'prom-client';

export interface Metric {
  name: string;
  type: string;
  labels: string[];
  help: string;
}

process.on('message', (message: { type?: string }) => {
  if (message.type !== 'which-metrics') return;
  const metrics = register.getMetricsAsArray() as unknown as (Omit<Metric, 'labels'> & { labelNames: string[] })[];
  const told = metrics.map(({ name, type, labelNames, help }): Metric => ({ name, type, labels: labelNames, help }));
  process.send?.({ type: 'metrics', metrics: told });
});
