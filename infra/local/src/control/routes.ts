import type { IncomingMessage, ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { type LocalAction, type LocalToken, userId } from '@chat-cluster/contracts';
import { type Cluster, signFreshToken } from '@chat-cluster/local-cluster';
import { HttpRefusal, readJsonBody } from '@chat-cluster/runtime';
import { z } from 'zod';
import type { ProcessControl } from './process-control.ts';

/** Responds to a request that has passed the checks. Throws HttpRefusal. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

interface RouteDeps {
  cluster: Pick<Cluster, 'jwtSecret'>;
  processes: ProcessControl;
  /** Responds to requests below `/cluster/api/`. */
  clusterApi: RequestHandler | undefined;
  log: (line: string) => void;
}

/** Lifetime of a token, in s. */
const TOKEN_SECONDS = 24 * 3_600;

const ACTIONS: readonly string[] = ['kill', 'pause', 'resume', 'drain'] satisfies LocalAction[];

const tokenBody = z.strictObject({ userId });
const addBody = z.strictObject({ kind: z.enum(['gateway', 'worker']) });
const actionBody = z.strictObject({});

/** The requests of `local-control.ts` of contracts. */
export function createRoutes({ cluster, processes, clusterApi, log }: RouteDeps): RequestHandler {
  return async (request, response) => {
    const { pathname: path = '', search = '' } = URL.parse(request.url ?? '', 'http://control') ?? {};
    const record = (what: string) => log(`${what}, by ${request.headers.origin} (${request.socket.remoteAddress})`);
    if (path.startsWith('/cluster/api/') && clusterApi) {
      if (request.method !== 'GET') record(`${request.method} ${path}${search}`);
      return clusterApi(request, response);
    }
    if (path === '/tokens') {
      const { userId: user } = await bodyOf(request, tokenBody);
      record(`token for ${shown(user)}`);
      const token = signFreshToken(user, cluster.jwtSecret, TOKEN_SECONDS, process.env);
      return send(response, { token, userId: user, expiresInMs: TOKEN_SECONDS * 1_000 } satisfies LocalToken);
    }
    if (path === '/processes' && request.method === 'GET') return send(response, { processes: processes.list() });
    if (path === '/processes') {
      const { kind } = await bodyOf(request, addBody);
      record(`add a ${kind}`);
      return send(response, await processes.add(kind));
    }
    const [, name = '', action = ''] = /^\/processes\/([^/]+)\/([a-z]+)$/.exec(path) ?? [];
    if (!ACTIONS.includes(action)) throw new HttpRefusal(404, 'NOT_FOUND', `There is nothing at ${path}.`);
    await bodyOf(request, actionBody);
    const result = await processes.act(name, action as LocalAction);
    record(`${action} ${name}`);
    return send(response, result);
  };
}

/** A user id in quotes, with escapes for what a terminal would obey, such as a change of the direction of text. */
function shown(user: string): string {
  return inspect(user).replaceAll(/\p{C}/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}

async function bodyOf<T extends z.ZodType>(request: IncomingMessage, schema: T): Promise<z.output<T>> {
  if (request.method !== 'POST') throw new HttpRefusal(405, 'METHOD_NOT_ALLOWED', 'Use POST.');
  const parsed = schema.safeParse(await readJsonBody(request));
  if (parsed.success) return parsed.data;
  throw new HttpRefusal(400, 'VALIDATION_FAILED', z.prettifyError(parsed.error));
}

function send(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}
