import type { MetricsText } from '@chat-cluster/runtime';
import { AggregatorRegistry } from 'prom-client';

/** In a fork: answers the supervisor's requests for the metrics of this process. */
export function answerMetricsRequests(): void {
  // The constructor registers the listener.
  new AggregatorRegistry();
}

/** In the supervisor: reads the aggregated metrics of all serving forks. Rejects if one does not answer within 5 s. */
export function createMetricsReader(): () => Promise<MetricsText> {
  const registry = new AggregatorRegistry();
  return async () => ({ contentType: registry.contentType, body: await registry.clusterMetrics() });
}
