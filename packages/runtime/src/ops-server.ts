import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { register } from 'prom-client';
import { refusalOf } from './ops-access.ts';
import type { Readiness } from './readiness.ts';

/**
 * The admin listener of a process, for probes, Prometheus and operators, on a port that no user reaches. Resolves when
 * it listens. It serves:
 * - `/healthz`: 200 while the event loop runs, since an outage of Redis or Postgres must not restart every process;
 * - `/readyz`: the state of `readiness`, 200 or 503;
 * - `/metrics`: Prometheus text;
 * - `POST /drain`: starts the stop and responds at once;
 * - the `pages`, `apps` and `actions` of the process, which no page of another origin may use.
 *
 * The first three are open, for probes and scrapers. The others are protected: see `refusalOf` in ops-access.ts.
 */
export async function serveOps(given: OpsOptions) {
  const options = { ...given };
  const { host, port, metrics = ownMetrics } = options;
  const server = createServer(async (request, response) => {
    // A browser must not take data for a script or a page.
    response.setHeader('x-content-type-options', 'nosniff');
    const answer: Answer = (status, body, type = 'application/json') => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
    };
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        return answer(200, '{"status":"ok"}');
      case '/readyz': {
        const state = await options.readiness();
        return answer(state.ready ? 200 : 503, JSON.stringify(state));
      }
      case '/metrics':
        return metrics().then(
          ({ contentType, body }) => answer(200, body, contentType),
          (error: unknown) => answer(500, String(error), 'text/plain'),
        );
      default:
        return serveProtected(request, response, answer, options);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    server,
    port: (server.address() as AddressInfo).port,
    /** Replaces what the process shows while it starts. */
    show: (parts: Partial<Pick<OpsOptions, 'readiness' | 'pages' | 'apps' | 'actions'>>) =>
      void Object.assign(options, parts),
  };
}

export type OpsServer = Awaited<ReturnType<typeof serveOps>>;

type Answer = (status: number, body: string, type?: string) => void;

const ownMetrics = async () => ({ contentType: register.contentType, body: await register.metrics() });

/** Metrics of one process or of several, in the text format of Prometheus. */
export interface MetricsText {
  contentType: string;
  body: string;
}

/** Responds to a GET at the admin listener. */
export type OpsPage = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Responds to a POST with the parsed JSON body, or undefined if it is no JSON. Must not reject. */
export type OpsAction = (body: unknown) => Promise<{ status: number; body: object }>;

export interface OpsOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  /** Secret for the protected parts. Without it they are open to every client of the port, except `actions`. */
  token?: string | undefined;
  /** Must not reject. */
  readiness(): Readiness | Promise<Readiness>;
  /** Starts the stop of the process. Called again at each `POST /drain`. */
  drain(): void;
  /** Default: the metrics of this process. */
  metrics?: () => Promise<MetricsText>;
  /** Further pages for operators, by the first segment of their path (`/queues`). Only GET reaches them. */
  pages?: Readonly<Record<string, OpsPage>>;
  /**
   * As `pages`, with every method, for a page with an API of its own. Requests from pages of other origins do not reach
   * it; it must refuse to change anything if there is no `token`.
   */
  apps?: Readonly<Record<string, OpsPage>>;
  /** Further actions of operators, by their path. They need a token. */
  actions?: Readonly<Record<string, OpsAction>>;
}

async function serveProtected(request: IncomingMessage, response: ServerResponse, answer: Answer, options: OpsOptions) {
  const { host, token, drain, pages = {}, apps = {}, actions = {} } = options;
  const refuse = (status: number, code: string, message: string) =>
    answer(status, JSON.stringify({ error: { code, message } }));
  const path = request.url?.split('?')[0] ?? '';
  const segment = /^\/[^/]*/.exec(path)?.[0] ?? '';
  const [page, app, action] = [pages[segment], apps[segment], actions[path]];
  if (!page && !app && !action && path !== '/drain') {
    const known = ['/healthz', '/readyz', '/metrics', ...Object.keys(pages), ...Object.keys(apps)].join(', ');
    return refuse(404, 'NOT_FOUND', `See ${known}, and POST ${['/drain', ...Object.keys(actions)].join(', ')}`);
  }
  const refusal = refusalOf(request, token, host);
  if (refusal) {
    // One header for each: with both in one header Chromium shows no prompt for the password.
    if (refusal.status === 401) response.setHeader('www-authenticate', ['Basic realm="admin"', 'Bearer']);
    return refuse(refusal.status, refusal.code, refusal.message);
  }
  if (app) {
    if (!isOwnOrigin(request)) return refuse(403, 'ORIGIN_NOT_ALLOWED', 'Not from a page of another origin');
    return Promise.try(app, request, response).catch(() => response.destroy());
  }
  if (page) {
    if (request.method !== 'GET' || !isOwnOrigin(request))
      return refuse(405, 'METHOD_NOT_ALLOWED', 'Use GET, and not from another origin');
    return Promise.try(page, request, response).catch(() => response.destroy());
  }
  // A browser sends the origin with every POST: a web page on this machine must not change anything.
  if (request.method !== 'POST' || request.headers.origin !== undefined) {
    return refuse(405, 'METHOD_NOT_ALLOWED', 'Use POST, and not from a web page');
  }
  if (!action) {
    drain();
    return answer(202, '{"draining":true}');
  }
  if (token === undefined) return refuse(403, 'ADMIN_TOKEN_MISSING', 'This needs ADMIN_TOKEN in the settings');
  const result = await action(await readJson(request));
  answer(result.status, JSON.stringify(result.body));
}

/**
 * False for a request of a web page of another origin: such a page must not read what is shown here, and a browser
 * would send the password of the operator with its request. A browser adds the origin to every POST.
 */
function isOwnOrigin({ headers: { origin, host } }: IncomingMessage): boolean {
  return origin === undefined || URL.parse(origin)?.host === host;
}

/** Longest body of an action, in bytes. */
const MAX_BODY = 16_384;

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of request) {
      size += part.length;
      if (size > MAX_BODY) return undefined;
      parts.push(part);
    }
    return JSON.parse(Buffer.concat(parts).toString());
  } catch {
    return undefined;
  }
}
