import { Gauge } from 'prom-client';

let answering: () => Record<string, boolean> = () => ({});

new Gauge({
  name: 'chat_dependency_up',
  help: '1 while a server that this process needs answers it: redis_pubsub, redis_queue, redis_cache, postgres',
  labelNames: ['dependency'],
  // Of the forks of one gateway, the one that is worst off.
  aggregator: 'min',
  collect() {
    for (const [dependency, answers] of Object.entries(answering())) this.set({ dependency }, answers ? 1 : 0);
  },
});

/** Shows in the metrics which servers answer this process; `read` is asked at each scrape and must not wait. */
export function showDependencies(read: () => Record<string, boolean>): void {
  answering = read;
}
