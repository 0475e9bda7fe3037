import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { type QueueServer, readOnlyQueue, serverOf } from '@chat-cluster/queue';
import type { OpsPage } from '@chat-cluster/runtime';
import type { PlacedLane } from '../lanes/place-lanes.ts';
import { UNREAD_AUDIT } from '../recounts/audit-unread.ts';

export const QUEUE_BOARD_PATH = '/queues';

/** The served routes of Bull Board's API: they only read, and `redacted` covers their responses. */
const ROUTES = ['/api/queues', '/api/queues/:queueName/:jobId', '/api/redis/stats', '/api/queues/:queueName/metrics'];

/**
 * The fields of a job that are shown: an allow-list, not a deny-list. The board's formatters redact data and return
 * values, but not reasons of failures, stack traces, logs and options, which may quote a message; a parser's error
 * quotes the text that it could not parse.
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

/** Content security policy: without it the page requests a font from Google. Its scripts set styles inline. */
const POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/** Names of jobs that are shown: of the lease of a lane, and of the audit. */
const NAMES: readonly unknown[] = ['serve', UNREAD_AUDIT];

/**
 * Bull Board for the admin listener, at /queues: the BullMQ queue of each lane, which is its lease, with the holder and
 * since when, and the jobs of the unread audit. Batches are in streams that BullMQ does not use; the cluster view shows
 * them. Read-only, and no content of a job leaves the process. Loaded only when it is enabled, because it takes about
 * 10 MB of memory.
 */
export async function openQueueBoard(
  lanes: readonly PlacedLane[],
  servers: readonly QueueServer[],
): Promise<{ page: OpsPage; close(): Promise<void> }> {
  const queues = [
    ...lanes.map(({ lane, server }) => readOnlyQueue(server, lane)),
    readOnlyQueue(serverOf(0, servers), UNREAD_AUDIT),
  ];
  const adapter = new ExpressAdapter().setBasePath(QUEUE_BOARD_PATH);
  createBullBoard({
    queues: queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode: true })),
    serverAdapter: adapter,
    options: {
      // Showing workers takes a CLIENT LIST for each queue every few seconds. The lease shows its holder.
      uiConfig: { boardTitle: 'Chat lanes', showWorkers: false, hideDocsLink: true },
      handlerHooks: {
        before: ({ method, route }) => ({ allow: method === 'get' && ROUTES.includes(route) }),
        after: (_context, response) => ({ ...response, body: redacted(response.body as Body) }),
      },
    },
  });
  // The default handler repeats the error, and the error of a JSON parser quotes its input.
  adapter.setErrorHandler(() => ({ status: 500, body: { error: 'ERRORS.INTERNAL_SERVER_ERROR' } }));
  const app = adapter.getRouter() as OpsPage;
  return {
    page(request, response) {
      request.url = request.url?.slice(QUEUE_BOARD_PATH.length).replace(/^(?!\/)/, '/') ?? '/';
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
    name: 'name' in job && NAMES.includes(job.name) ? job.name : REDACTED,
    data: REDACTED,
    returnValue: REDACTED,
    progress: 0,
    opts: {},
    stacktrace: [],
    ...('failedReason' in job && job.failedReason ? { failedReason: REDACTED } : {}),
  };
}
