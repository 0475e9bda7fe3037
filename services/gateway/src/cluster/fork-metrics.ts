import type { MetricsText } from '@chat-cluster/runtime';
import { AggregatorRegistry } from 'prom-client';

/** In a fork: answers its supervisor's questions for the metrics of this process. */
export function answerMetricsRequests(): void {
  // Made only for its side effect.
  new AggregatorRegistry();
}

/** In the supervisor: reads the metrics of all forks that serve, together. Rejects when one does not answer within 5 s. */
export function createMetricsReader(): () => Promise<MetricsText> {
  const registry = new AggregatorRegistry();
  return async () => ({ contentType: registry.contentType, body: await registry.clusterMetrics() });
}
