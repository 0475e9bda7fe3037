import type { Server } from 'node:http';
import { type Readiness, serveOps } from '@chat-cluster/runtime';
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
