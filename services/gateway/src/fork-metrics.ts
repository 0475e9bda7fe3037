import cluster from 'node:cluster';
import { AggregatorRegistry, register } from 'prom-client';

/** What a fork asks its supervisor, and hears back. */
interface MetricsMessage {
  type: 'chat:metrics';
  id: number;
  text?: string;
}

const DEADLINE_MS = 6_000;

/** In the supervisor: answers its forks with the metrics of all of them together. */
export function answerMetricsRequests(): void {
  const registry = new AggregatorRegistry();
  cluster.on('message', (fork, message: MetricsMessage) => {
    if (message?.type !== 'chat:metrics') return;
    registry.clusterMetrics().then(
      (text) => fork.send({ ...message, text }, () => {}),
      () => {},
    );
  });
}

/**
 * The metrics of this gateway: of all forks of its supervisor, whichever of them is asked, else of this process.
 * Rejects when the supervisor does not answer.
 */
export function createMetricsReader(): () => Promise<{ contentType: string; body: string }> {
  if (!cluster.isWorker) return async () => ({ contentType: register.contentType, body: await register.metrics() });
  // Made only for its side effect: it answers the supervisor's questions for this fork's metrics.
  new AggregatorRegistry();
  const waiting = new Map<number, (text: string) => void>();
  let lastId = 0;
  process.on('message', (message: MetricsMessage) => {
    if (message?.type === 'chat:metrics') waiting.get(message.id)?.(message.text ?? '');
  });
  return async () => {
    const id = ++lastId;
    const body = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => done(() => reject(new Error('the supervisor did not answer'))), DEADLINE_MS);
      const done = (settle: () => void) => {
        clearTimeout(timer);
        waiting.delete(id);
        settle();
      };
      waiting.set(id, (text) => done(() => resolve(text)));
      process.send?.({ type: 'chat:metrics', id } satisfies MetricsMessage);
    });
    return { contentType: register.contentType, body };
  };
}
