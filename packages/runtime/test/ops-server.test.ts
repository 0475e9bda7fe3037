import { once } from 'node:events';
import { type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { actorOf, type Readiness, serveOps } from '@chat-cluster/runtime';
import { expect } from 'chai';
import { Counter, register } from 'prom-client';

describe('the admin listener', () => {
  let server: Server;
  let port: number;
  let readiness: Readiness;
  const calls = { readiness: 0, drain: 0 };

  before(async () => {
    ({ server, port } = await serveOps({
      host: '127.0.0.1',
      port: 0,
      readiness() {
        calls.readiness++;
        return readiness;
      },
      drain: () => void calls.drain++,
    }));
  });
  beforeEach(() => {
    readiness = { ready: true, checks: { redis: 'ok' } };
    calls.readiness = 0;
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  const get = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);

  it('is alive while it responds, and checks nothing else', async () => {
    readiness = { ready: false, checks: {} };
    const response = await get('/healthz');
    expect(response.status).to.equal(200);
    expect(await response.json()).to.deep.equal({ status: 'ok' });
    expect(calls.readiness).to.equal(0);
  });

  it('reports readiness and its reasons', async () => {
    const ready = await get('/readyz');
    expect([ready.status, await ready.json()]).to.deep.equal([200, { ready: true, checks: { redis: 'ok' } }]);
    readiness = { ready: false, checks: { redis: 'away' } };
    const unready = await get('/readyz?verbose');
    expect([unready.status, await unready.json()]).to.deep.equal([503, { ready: false, checks: { redis: 'away' } }]);
    expect(unready.headers.get('cache-control')).to.equal('no-store');
    for (const path of ['/readyz', '/metrics', '/nowhere']) {
      expect((await get(path)).headers.get('x-content-type-options'), path).to.equal('nosniff');
    }
  });

  it('serves the metrics of the process to Prometheus', async () => {
    const counter = new Counter({ name: 'ops_server_test_total', help: 'Counted by a test' });
    try {
      counter.inc(3);
      const response = await get('/metrics');
      expect(response.status).to.equal(200);
      expect(response.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/);
      expect(await response.text()).to.include('\nops_server_test_total 3\n');
    } finally {
      register.removeSingleMetric('ops_server_test_total');
    }
  });

  it('responds with 500 to Prometheus when a metric cannot be read', async () => {
    const counter = new Counter({
      name: 'ops_server_broken_total',
      help: 'Cannot be read',
      collect() {
        throw new Error('no reading');
      },
    });
    try {
      expect((await get('/metrics')).status).to.equal(500);
    } finally {
      register.removeSingleMetric('ops_server_broken_total');
      counter.reset();
    }
  });

  it('drains on POST /drain, but not on GET and not for a web page', async () => {
    expect((await get('/drain')).status).to.equal(405);
    expect((await get('/drain', { method: 'POST', headers: { origin: 'http://127.0.0.1' } })).status).to.equal(405);
    expect(calls.drain).to.equal(0);
    const answer = await get('/drain', { method: 'POST' });
    expect([answer.status, await answer.json()]).to.deep.equal([202, { draining: true }]);
    expect(calls.drain).to.equal(1);
  });

  it('lists its paths in a 404', async () => {
    const response = await get('/healthz/deep');
    expect(response.status).to.equal(404);
    expect(await response.json()).to.have.nested.property('error.code', 'NOT_FOUND');
  });

  it('does not start on a port in use', async () => {
    const options = { host: '127.0.0.1', port, readiness: () => readiness, drain: () => {} };
    const error = await serveOps(options).catch((thrown) => thrown);
    expect(error).to.have.property('code', 'EADDRINUSE');
  });
});

describe('the protected parts of the admin listener', () => {
  const TOKEN = 'token-of-the-administrators';
  const servers: Server[] = [];
  const calls = { drain: 0, bodies: [] as unknown[] };
  const actors = new Set<string>();
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
    calls.drain = 0;
    calls.bodies = [];
  });

  /** Starts a listener. Returns the status of a request with the given headers; node:http, since fetch sets the Host. */
  async function listener(token?: string) {
    const { server, port } = await serveOps({
      host: '127.0.0.1',
      port: 0,
      token,
      readiness: () => ({ ready: true, checks: {} }),
      drain: () => void calls.drain++,
      pages: { '/queues': (_request, response) => response.end('queues') },
      apps: {
        '/cluster'(incoming, response) {
          actors.add(actorOf(incoming));
          response.end('cluster');
        },
      },
      actions: {
        async '/revocations'(body) {
          calls.bodies.push(body);
          return { status: 201, body: { done: true } };
        },
      },
    });
    servers.push(server);
    return async (method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<number> => {
      const options = { port, host: '127.0.0.1', method, path, headers, agent: false };
      const outgoing = request(options).end(body);
      const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
      incoming.resume();
      return incoming.statusCode ?? 0;
    };
  }
  const basic = (password: string) => ({
    authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`,
  });
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const OPEN = ['/healthz', '/readyz', '/metrics'];
  const PROTECTED: [string, string][] = [
    ['GET', '/queues'],
    ['GET', '/queues/1?x=y'],
    ['GET', '/cluster'],
    ['POST', '/cluster/api/act'],
    ['POST', '/drain'],
    ['POST', '/revocations'],
  ];

  it('need the token, as bearer or as password; health and metrics do not', async () => {
    const status = await listener(TOKEN);
    for (const path of OPEN) expect(await status('GET', path, { host: 'pod.internal' }), path).to.equal(200);
    for (const [method, path] of PROTECTED) {
      for (const headers of [{}, bearer('wrong'), bearer(''), basic('wrong'), { authorization: TOKEN }]) {
        expect(await status(method, path, headers), path).to.equal(401);
      }
    }
    expect(calls).to.deep.equal({ drain: 0, bodies: [] });
    expect(await status('GET', '/queues', basic(TOKEN))).to.equal(200);
    expect(await status('GET', '/queues', { ...bearer(TOKEN), host: 'chat.internal' })).to.equal(200);
    expect(await status('POST', '/drain', bearer(TOKEN))).to.equal(202);
    expect(await status('POST', '/drain', { ...bearer(TOKEN), origin: 'http://127.0.0.1' })).to.equal(405);
  });

  it('name each way to authenticate in a header of its own: otherwise Chromium shows no prompt', async () => {
    await listener(TOKEN);
    const [server] = servers as [Server];
    const { port } = server.address() as AddressInfo;
    const [incoming] = (await once(
      request({ port, host: '127.0.0.1', path: '/queues', agent: false }).end(),
      'response',
    )) as [IncomingMessage];
    incoming.resume();
    expect(incoming.headersDistinct['www-authenticate']).to.deep.equal(['Basic realm="admin"', 'Bearer']);
  });

  it('accept only an address or localhost as Host while there is no token, against DNS rebinding', async () => {
    const status = await listener();
    for (const host of ['evil.example', 'evil.example:9090', '127.0.0.1.evil.example', 'x@evil.example']) {
      expect(await status('GET', '/queues', { host }), host).to.equal(403);
      expect(await status('POST', '/drain', { host }), host).to.equal(403);
    }
    expect(calls.drain).to.equal(0);
    for (const host of ['localhost:9090', '127.0.0.1', '[::1]:9090']) {
      expect(await status('GET', '/queues', { host }), host).to.equal(200);
    }
  });

  it('pass every method to an app, but not from a page of another origin', async () => {
    const status = await listener(TOKEN);
    const own = { ...basic(TOKEN), host: 'chat.internal:9091' };
    for (const method of ['GET', 'POST', 'DELETE']) {
      expect(await status(method, '/cluster/api/act', own), method).to.equal(200);
      expect(await status(method, '/cluster', { ...own, origin: 'https://chat.internal:9091' }), method).to.equal(200);
      for (const origin of ['https://evil.example', 'null', 'https://chat.internal']) {
        expect(await status(method, '/cluster', { ...own, origin }), origin).to.equal(403);
      }
    }
    expect(actors).to.deep.equal(new Set(['admin (127.0.0.1)']));
    await status('GET', '/cluster', bearer(TOKEN));
    expect(actors).to.include('127.0.0.1');
  });

  it('run actions only with a token, with the JSON of a small body', async () => {
    const open = await listener();
    expect(await open('POST', '/revocations', {}, '{}')).to.equal(403);
    const status = await listener(TOKEN);
    expect(await status('POST', '/revocations', bearer(TOKEN), '{"userId":"alice"}')).to.equal(201);
    expect(await status('POST', '/revocations', bearer(TOKEN), 'no JSON')).to.equal(201);
    expect(await status('POST', '/revocations', bearer(TOKEN), JSON.stringify('x'.repeat(20_000)))).to.equal(201);
    expect(await status('GET', '/revocations', bearer(TOKEN))).to.equal(405);
    expect(calls.bodies).to.deep.equal([{ userId: 'alice' }, undefined, undefined]);
  });
});
