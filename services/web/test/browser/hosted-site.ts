import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildWeb } from '@chat-cluster/local-cluster';
import { webFiles } from '@chat-cluster/runtime';
import { type FaultProxy, startFaultProxy } from '@chat-cluster/testkit';

/** What `/config.json` of the site contains besides the address of the API. */
export interface SiteConfig {
  tokenUrl?: string;
  signInUrl?: string;
}

/** The chat page as outside of local mode: files on one origin, the API on another one, behind a network with faults. */
export interface HostedSite extends AsyncDisposable {
  url: string;
  /** Between the page and the cluster. */
  network: FaultProxy;
  config: SiteConfig;
  /** What `/token` answers; null: no user is signed in. */
  token: () => string | null;
  /** Requests of `/token` so far. */
  tokens: number;
  /** Begins to serve the page of this cluster. */
  serve(clusterUrl: string): Promise<void>;
}

export async function startHostedSite(): Promise<HostedSite> {
  let respond: RequestListener = (_, response) => void response.writeHead(503).end();
  const server = createServer((request, response) => respond(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const upstreams: number[] = [];
  const network = await startFaultProxy({ upstreams });
  const api = `http://127.0.0.1:${network.port}`;
  const site: HostedSite = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    network,
    config: {},
    token: () => null,
    tokens: 0,
    async serve(clusterUrl) {
      upstreams.push(Number(new URL(clusterUrl).port));
      const files = webFiles({
        folder: await buildWeb({ log: () => {} }),
        page: 'index.html',
        connect: [api, api.replace('http', 'ws')],
      });
      respond = (request, response) => {
        const json = (status: number, body: unknown) =>
          response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
        if (request.url === '/config.json') json(200, { apiUrl: api, ...site.config });
        else if (request.url === '/token') {
          const token = site.token();
          site.tokens++;
          json(token === null ? 401 : 200, { token });
        } else if (!files(request, response)) response.writeHead(404).end('There is no such file.');
      };
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await Promise.all([once(server, 'close'), network[Symbol.asyncDispose]()]);
    },
  };
  return site;
}
