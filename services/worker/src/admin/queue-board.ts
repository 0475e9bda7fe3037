import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { leaseQueue } from '@chat-cluster/queue';
import type { OpsPage } from '@chat-cluster/runtime';
import type { PlacedLane } from './lanes-page.ts';

const PATH = '/queues';

/** What of Bull Board's API is served: it reads, and what its answers carry is known below. No logs, flows or templates. */
const ROUTES = ['/api/queues', '/api/queues/:queueName/:jobId', '/api/redis/stats', '/api/queues/:queueName/metrics'];

/**
 * What is shown of a job. The board's own formatters leave reasons of failures, stack traces and options as they are, where
 * a body may stand as well, so this is a list of what may be seen, not of what may not.
 */
const SHOWN = [
  'id',
  'timestamp',
  'processedOn',
  'processedBy',
  'finishedOn',
  'attempts',
  'attemptsStarted',
  'stalledCounter',
  'delay',
  'isFailed',
];
const REDACTED = '[redacted]';

/** The page asks a font of Google otherwise. Styles are set in place by its scripts. */
const POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/**
 * Bull Board for the admin listener, at /queues: the BullMQ queue of each lane, that is, its lease, who has it and since
 * when. Batches are in streams, which BullMQ knows nothing of; `/lanes` shows those. Read-only, and nothing that a job
 * carries leaves the process. Loaded only when it is wanted, for it takes some 10 MB of memory.
 */
export async function openQueueBoard(lanes: readonly PlacedLane[]): Promise<{ page: OpsPage; close(): Promise<void> }> {
  const queues = lanes.map(({ lane, server }) => leaseQueue(server, lane));
  const adapter = new ExpressAdapter().setBasePath(PATH);
  createBullBoard({
    queues: queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode: true })),
    serverAdapter: adapter,
    options: {
      // Workers would be a CLIENT LIST for each queue every few seconds; the lease tells its holder.
      uiConfig: { boardTitle: 'Chat lanes', showWorkers: false, hideDocsLink: true },
      handlerHooks: {
        before: ({ method, route }) => ({ allow: method === 'get' && ROUTES.includes(route) }),
        after: (_context, response) => ({ ...response, body: redacted(response.body as Body) }),
      },
    },
  });
  // Its own one repeats the error, and that of a JSON parser quotes what it read.
  adapter.setErrorHandler(() => ({ status: 500, body: { error: 'ERRORS.INTERNAL_SERVER_ERROR' } }));
  const app = adapter.getRouter() as OpsPage;
  return {
    page(request, response) {
      request.url = request.url?.slice(PATH.length).replace(/^(?!\/)/, '/') ?? '/';
      response.setHeader('content-security-policy', POLICY).setHeader('cache-control', 'no-store');
      return app(request, response);
    },
    close: async () => void (await Promise.allSettled(queues.map((queue) => queue.close()))),
  };
}

interface Body {
  queues?: { jobs: object[] }[];
  job?: object;
}

function redacted(body: Body): Record<string, unknown> {
  const { queues, job } = body;
  return {
    ...body,
    ...(queues && { queues: queues.map((queue) => ({ ...queue, jobs: queue.jobs.map(redactedJob) })) }),
    ...(job && { job: redactedJob(job) }),
  };
}

function redactedJob(job: object): object {
  const shown = Object.entries(job).filter(([field]) => SHOWN.includes(field));
  return {
    ...Object.fromEntries(shown),
    name: 'name' in job && job.name === 'serve' ? 'serve' : REDACTED,
    data: REDACTED,
    returnValue: REDACTED,
    progress: 0,
    opts: {},
    stacktrace: [],
    ...('failedReason' in job && job.failedReason ? { failedReason: REDACTED } : {}),
  };
}
