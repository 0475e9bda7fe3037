import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { register } from 'prom-client';
import type { Readiness } from './readiness.ts';

/**
 * The admin listener of a process, for probes, Prometheus and operators, on a port that no user reaches. Resolves when
 * it listens. It serves:
 * - `/healthz`: 200 while the event loop runs, since an outage of Redis or Postgres must not restart every process;
 * - `/readyz`: the state of `readiness`, 200 or 503;
 * - `/metrics`: Prometheus text;
 * - `POST /drain`: starts the stop and responds at once;
 * - the `pages` of the process, which no page of another origin may read.
 */
export async function serveOps({ host, port, readiness, drain, metrics = ownMetrics, pages = {} }: OpsOptions) {
  const paths = ['/healthz', '/readyz', '/metrics', ...Object.keys(pages)].join(', ');
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: string, type = 'application/json') => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
    };
    const refuse = (status: number, code: string, message: string) =>
      answer(status, JSON.stringify({ error: { code, message } }));
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        return answer(200, '{"status":"ok"}');
      case '/readyz': {
        const state = readiness();
        return answer(state.ready ? 200 : 503, JSON.stringify(state));
      }
      case '/metrics':
        return metrics().then(
          ({ contentType, body }) => answer(200, body, contentType),
          (error: unknown) => answer(500, String(error), 'text/plain'),
        );
      case '/drain':
        // A browser sends the origin with every POST: a web page on this machine must not stop the process.
        if (request.method !== 'POST' || request.headers.origin !== undefined)
          return refuse(405, 'METHOD_NOT_ALLOWED', 'Use POST, and not from a web page');
        drain();
        return answer(202, '{"draining":true}');
      default: {
        const page = pages[/^\/[^/?]*/.exec(request.url ?? '')?.[0] ?? ''];
        if (!page) return refuse(404, 'NOT_FOUND', `See ${paths}, and POST /drain`);
        if (!mayRead(request)) return refuse(405, 'METHOD_NOT_ALLOWED', 'Use GET, and not from another origin');
        return Promise.try(page, request, response).catch(() => response.destroy());
      }
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return { server, port: (server.address() as AddressInfo).port };
}

const ownMetrics = async () => ({ contentType: register.contentType, body: await register.metrics() });

/** Metrics of one process or of several, in the text format of Prometheus. */
export interface MetricsText {
  contentType: string;
  body: string;
}

/** Responds to a GET at the admin listener. */
export type OpsPage = (request: IncomingMessage, response: ServerResponse) => unknown;

export interface OpsOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  readiness(): Readiness;
  /** Starts the stop of the process. Called again at each `POST /drain`. */
  drain(): void;
  /** Default: the metrics of this process. */
  metrics?: () => Promise<MetricsText>;
  /** Further pages for operators, by the first segment of their path (`/lanes`). Only GET reaches them. */
  pages?: Readonly<Record<string, OpsPage>>;
}

/** False for a request of a web page of another origin: such a page must not read what is shown here. */
function mayRead({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && (headers.origin === undefined || URL.parse(headers.origin)?.host === headers.host);
}
