import { createServer, type Server } from 'node:http';
import { register } from 'prom-client';

export interface Readiness {
  ready: boolean;
  /** One line per part: 'ok', or what is wrong. */
  checks: Record<string, string>;
}

/**
 * `/healthz` (alive: the event loop answers; never asks Redis or Postgres, else their outage would restart the fleet),
 * `/readyz` and `/metrics` (Prometheus text) for a process without an HTTP API. Resolves when it listens; `port` 0
 * takes a free one.
 */
export async function serveOps(options: { host: string; port: number; readiness(): Readiness }): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, type: string, body: string) => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
    };
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        return answer(200, 'application/json', '{"status":"ok"}');
      case '/readyz': {
        const readiness = options.readiness();
        return answer(readiness.ready ? 200 : 503, 'application/json', JSON.stringify(readiness));
      }
      case '/metrics':
        register.metrics().then(
          (text) => answer(200, register.contentType, text),
          (error: unknown) => answer(500, 'text/plain', String(error)),
        );
        return;
      default:
        return answer(
          404,
          'application/json',
          '{"error":{"code":"NOT_FOUND","message":"See /healthz, /readyz, /metrics"}}',
        );
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return server;
}
