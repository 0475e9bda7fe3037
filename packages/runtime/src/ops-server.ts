import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { register } from 'prom-client';
import type { Readiness } from './readiness.ts';

/** Metrics of a process, or of several, as Prometheus reads them. */
export interface MetricsText {
  contentType: string;
  body: string;
}

/** Answers a GET at the admin listener. */
export type OpsPage = (request: IncomingMessage, response: ServerResponse) => unknown;

export interface OpsOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  readiness(): Readiness;
  /** Begins the end of the process; asked again while it ends. */
  drain(): void;
  /** Default: those of this process. */
  metrics?: () => Promise<MetricsText>;
  /** Further pages for operators, by the first segment of their path (`/lanes`). They are asked to GET only. */
  pages?: Readonly<Record<string, OpsPage>>;
}

/**
 * The admin listener of a process, for probes, Prometheus and operators, on a port that no user reaches:
 * `/healthz` (alive: the event loop answers; never asks Redis or Postgres, else their outage would restart the fleet),
 * `/readyz`, `/metrics` (Prometheus text) and `POST /drain`, which is answered at once; and the `pages` of the process, which
 * no page of another origin may read. Resolves when it listens.
 */
export async function serveOps(options: OpsOptions): Promise<{ server: Server; port: number }> {
  const { readiness, drain, metrics = ownMetrics, pages = {} } = options;
  const paths = ['/healthz', '/readyz', '/metrics', ...Object.keys(pages)].join(', ');
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: string, type = 'application/json') => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
    };
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
        if (!mayDrain(request)) return answer(405, refusal('METHOD_NOT_ALLOWED', 'POST it, and not from a web page'));
        drain();
        return answer(202, '{"draining":true}');
      default: {
        const page = pages[firstSegment(request.url)];
        if (!page) return answer(404, refusal('NOT_FOUND', `See ${paths}, and POST /drain`));
        if (!mayRead(request)) return answer(405, refusal('METHOD_NOT_ALLOWED', 'GET it, and not from another origin'));
        return Promise.try(page, request, response).catch(() => response.destroy());
      }
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return { server, port: (server.address() as AddressInfo).port };
}

async function ownMetrics(): Promise<MetricsText> {
  return { contentType: register.contentType, body: await register.metrics() };
}

/** Browsers name the origin of every POST: a page that somebody has open here must not end the process. */
function mayDrain({ method, headers }: IncomingMessage): boolean {
  return method === 'POST' && headers.origin === undefined;
}

function firstSegment(url = ''): string {
  return /^\/[^/?]*/.exec(url)?.[0] ?? '';
}

/** A browser names the origin when a page of another one asks: what is shown here is for nobody else's page. */
function mayRead({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && (headers.origin === undefined || URL.parse(headers.origin)?.host === headers.host);
}

function refusal(code: string, message: string): string {
  return JSON.stringify({ error: { code, message } });
}
