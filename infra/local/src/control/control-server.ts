import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Cluster } from '@chat-cluster/local-cluster';
import { HttpRefusal } from '@chat-cluster/runtime';
import { checkRequest, type Guard } from './guard.ts';
import { ProcessControl } from './process-control.ts';
import { createRoutes, type RequestHandler } from './routes.ts';

export interface ControlServer {
  /** Origin, such as `http://127.0.0.1:41234`. */
  url: string;
  /** Random, for this start. */
  token: string;
  /** Serves the cluster to its pages. Before this call every request is refused. */
  serve(cluster: Cluster, options?: ServeOptions): void;
  /** Resumes everything that is paused, and closes the server. */
  close(): void;
}

interface ServeOptions {
  clusterApi?: RequestHandler;
  /** Default: LONGEST_PAUSE_MS. */
  longestPauseMs?: number;
}

/** Most connections at once. A page has at most six. */
const MAX_CONNECTIONS = 64;

/**
 * The control server of `npm start`, on a free port of loopback, for the pages of the cluster on this machine.
 * `local-control.ts` of contracts lists its requests. `log` receives a line for each action.
 */
export async function openControl(log: (line: string) => void): Promise<ControlServer> {
  const token = randomBytes(24).toString('base64url');
  const guard: Guard = { port: 0, token, origins: [] };
  let handle: RequestHandler = () => undefined;
  let processes: ProcessControl | undefined;
  const server = createServer({ requestTimeout: 30_000 }, async (request, response) => {
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('X-Content-Type-Options', 'nosniff');
    try {
      if (!checkRequest(request, response, guard)) await handle(request, response);
    } catch (error) {
      refuse(request, response, error, log);
    }
  });
  server.maxConnections = MAX_CONNECTIONS;
  await once(server.listen(0, '127.0.0.1'), 'listening');
  guard.port = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${guard.port}`,
    token,
    serve(cluster, { clusterApi, longestPauseMs } = {}) {
      processes = new ProcessControl(cluster.members, log, longestPauseMs);
      handle = createRoutes({ cluster, processes, clusterApi, log });
      guard.origins = [`http://127.0.0.1:${cluster.port}`, `http://localhost:${cluster.port}`];
    },
    close() {
      guard.origins = [];
      processes?.resumeAll();
      server.close();
      server.closeAllConnections();
    },
  };
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown, log: (line: string) => void): void {
  const isRefusal = error instanceof HttpRefusal;
  // A client that closes its connection in the middle of its body is no fault.
  if (!isRefusal && !request.destroyed)
    log(`a request failed: ${error instanceof Error ? error.stack : String(error)}`);
  if (response.headersSent) return void response.destroy();
  const { status, code, message } = isRefusal
    ? error
    : new HttpRefusal(500, 'FAULT', 'The request failed. The terminal of npm start shows the reason.');
  // Node would parse the unread rest of a body as the next request.
  if (!request.complete) response.setHeader('Connection', 'close');
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ error: { code, message } }));
}
