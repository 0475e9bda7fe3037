/*
 * Loaded into a service with `node --import`. On request it sends the registered metrics to the parent process, with
 * their labels: /metrics shows the labels of a metric only after its first observation.
 */
import cluster from 'node:cluster';
import { register } from 'prom-client';

export interface Metric {
  name: string;
  type: string;
  labels: string[];
  help: string;
}

process.on('message', (message: { type?: string }) => {
  if (message.type === 'report-metrics') report();
});
// A supervisor has registered its metrics when its two forks run. They need not be ready.
let forks = 0;
cluster.on('online', () => {
  if (++forks === 2) report();
});

function report(): void {
  const registered = register.getMetricsAsArray() as unknown as (Omit<Metric, 'labels'> & { labelNames: string[] })[];
  const metrics = registered.map(
    ({ name, type, labelNames, help }): Metric => ({ name, type, labels: labelNames, help }),
  );
  process.send?.({ type: 'metrics', metrics });
}
