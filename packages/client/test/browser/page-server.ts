import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

export interface PageServer extends AsyncDisposable {
  /** Address of the page, with the user and the origin of the cluster. Each user has an origin of its own. */
  urlOf(user: string, cluster: string, more?: readonly string[]): string;
  /** Address of another page, without a chat. */
  awayFrom(user: string): string;
}

/** Serves page.ts, bundled for browsers from the sources, and tokens for its users. */
export async function startPageServer(tokenFor: (user: string) => string): Promise<PageServer> {
  const script = await bundle();
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/token') respond(response, 'text/plain', tokenFor(searchParams.get('user') ?? ''));
    else if (pathname === '/page.js') respond(response, 'text/javascript', script);
    else respond(response, 'text/html', pathname === '/away' ? AWAY : PAGE);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  // Browsers resolve all names below localhost to loopback.
  const origin = (user: string) => `http://${user}.localhost:${port}`;
  return {
    urlOf: (user, cluster, more = []) =>
      `${origin(user)}/?${[`user=${user}`, `url=${encodeURIComponent(cluster)}`, ...more].join('&')}`,
    awayFrom: (user) => `${origin(user)}/away`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** With an icon: a browser would request one, and report that there is none. */
const HEAD = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Chat</title>';
const PAGE = `${HEAD}<script type="module" src="/page.js"></script>`;
const AWAY = `${HEAD}<p>Another page.`;

function respond(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(body);
}

async function bundle(): Promise<string> {
  const build = await rolldown({ input: join(import.meta.dirname, 'page.ts'), platform: 'browser', tsconfig: false });
  const { output } = await build.generate({ format: 'esm', codeSplitting: false });
  await build.close();
  return output[0].code;
}
