import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import {
  buildWeb,
  findProgram,
  freePort,
  NGINX,
  repository,
  spawnServer,
  toolsFolder,
} from '@chat-cluster/local-cluster';
import { webFiles } from '@chat-cluster/runtime';
import { eventually, temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';

const START = join(repository, 'infra/docker/web/start.sh');

interface Page extends AsyncDisposable {
  url: string;
  get(path: string, init?: RequestInit): Promise<Response>;
}

/** Runs a real nginx with the configuration of the image on the built page, as the image does. */
async function startPage(settings: Record<string, string> = {}): Promise<Page> {
  const folder = temporaryFolder();
  const { program, env } = await findProgram(NGINX, toolsFolder, () => {});
  const port = await freePort();
  const server = await spawnServer({
    command: ['sh', START, program],
    cwd: folder.path,
    env: {
      PATH: process.env.PATH,
      ...env,
      LISTEN: `127.0.0.1:${port}`,
      ROOT: await buildWeb({ log: () => {} }),
      TEMP: folder.path,
      // When nginx runs as root, its default user may not exist on this machine.
      DIRECTIVES: process.getuid?.() === 0 ? 'user root;' : '',
      ...settings,
    },
    logFile: join(folder.path, 'output.log'),
    deathSignal: 'TERM',
  });
  const url = `http://127.0.0.1:${port}`;
  await eventually(() => fetch(`${url}/healthz`), 5_000).catch(() => {
    throw new Error(`nginx did not start: ${server.logTail()}`);
  });
  return {
    url,
    get: (path, init) => fetch(url + path, init),
    async [Symbol.asyncDispose]() {
      await server.end([{ signal: 'SIGTERM', withinMs: 2_000 }]);
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe('the image of the chat page', () => {
  it('serves the page and its files, compressed, with caching as the gateways have it', async () => {
    await using page = await startPage();
    const answer = await page.get('/');
    expect([answer.status, answer.headers.get('content-type')]).to.deep.equal([200, 'text/html; charset=utf-8']);
    expect(answer.headers.get('cache-control')).to.equal('no-cache');
    const files = [...(await answer.text()).matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, file = '']) => file);
    expect(files.length).to.be.greaterThan(1);
    for (const file of files) {
      const { status, headers } = await page.get(file, { headers: { 'accept-encoding': 'gzip' } });
      expect([status, headers.get('cache-control')], file).to.deep.equal([200, 'public, max-age=31536000, immutable']);
      expect(headers.get('content-type'), file).to.match(/^text\/(javascript|css)/);
    }
    const large = await page.get(files.find((file) => file.endsWith('.js')) ?? '');
    expect(large.headers.get('content-encoding')).to.equal('gzip');
    expect(await statusWith(page.url, { 'if-none-match': answer.headers.get('etag') ?? '' })).to.equal(304);
    expect((await page.get('/', { method: 'HEAD' })).status).to.equal(200);
  });

  it('has the security headers of web-files.ts', async () => {
    await using page = await startPage();
    const expected = await headersOfGateway();
    const { headers } = await page.get('/');
    for (const name of ['content-security-policy', 'x-content-type-options', 'referrer-policy']) {
      expect(headers.get(name), name).to.equal(expected.get(name));
    }
  });

  it('responds with a coded error to everything else, also to the cluster view', async () => {
    await using page = await startPage();
    const unknown = ['/nowhere', '/index.html', '/cluster', '/cluster.html', '/assets/', '/assets/x.js'];
    for (const path of [...unknown, '/assets/..%2findex.html', '/api/docs', '/socket.io/', '/nginx.conf']) {
      const answer = await page.get(path);
      expect([answer.status, answer.headers.get('content-type')], path).to.deep.equal([404, 'application/json']);
      expect(await answer.json()).to.deep.equal({ error: { code: 'NOT_FOUND', message: 'There is no such path.' } });
    }
    expect((await page.get('/', { method: 'POST' })).status).to.equal(404);
  });

  it('has no content for local mode: the console of a browser stays empty', async () => {
    await using page = await startPage();
    const answer = await page.get('/local.json');
    expect([answer.status, await answer.text()]).to.deep.equal([204, '']);
  });

  it('shows the page where API and tokens are, and allows connections to them', async () => {
    await using plain = await startPage();
    expect(await (await plain.get('/config.json')).json()).to.deep.equal({});
    const settings = {
      API_URL: 'https://chat.example.com',
      TOKEN_URL: 'https://app.example.com/token?for=chat',
      SIGN_IN_URL: 'https://app.example.com/login',
    };
    await using page = await startPage(settings);
    const config = await page.get('/config.json');
    expect([config.headers.get('content-type'), config.headers.get('cache-control')]).to.deep.equal([
      'application/json',
      'no-cache',
    ]);
    expect(await config.json()).to.deep.equal({
      apiUrl: settings.API_URL,
      tokenUrl: settings.TOKEN_URL,
      signInUrl: settings.SIGN_IN_URL,
    });
    expect((await page.get('/')).headers.get('content-security-policy')).to.include(
      "connect-src 'self' https://chat.example.com wss://chat.example.com https://app.example.com;",
    );
  });

  it('refuses an address that is no URL, in one sentence', async () => {
    for (const API_URL of ['chat.example.com', "https://a';", 'https://a b', 'https://a"']) {
      const { code, output } = await startFailing({ API_URL });
      expect(code, API_URL).to.equal(1);
      expect(output.trim().split('\n'), API_URL).to.have.length(1);
      expect(output).to.include('API_URL');
    }
  });
});

async function startFailing(env: Record<string, string>): Promise<{ code: number; output: string }> {
  await using folder = temporaryFolder();
  const child = spawn('sh', [START, 'true'], { env: { PATH: process.env.PATH, TEMP: folder.path, ...env } });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, output };
}

/** The headers that a gateway sends with the page. */
async function headersOfGateway(): Promise<Map<string, unknown>> {
  const sent = new Map<string, unknown>();
  const serve = webFiles({ folder: await buildWeb({ log: () => {} }), page: 'index.html' });
  const server = createServer((incoming, response) => {
    serve(incoming, response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const { headers } = await fetch(`http://127.0.0.1:${port}/`);
  for (const [name, value] of headers) sent.set(name, value);
  server.closeAllConnections();
  server.close();
  return sent;
}

/** `fetch` adds `Cache-Control` to a conditional request. */
async function statusWith(url: string, headers: Record<string, string>): Promise<number | undefined> {
  const sent = request(url, { headers, agent: false }).end();
  const [response] = await once(sent, 'response');
  response.resume();
  return response.statusCode;
}
