import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { LocalActionResult, LocalProcess } from '@chat-cluster/contracts';
import { buildWeb, type Cluster } from '@chat-cluster/local-cluster';
import { eventually, startTestCluster, type TestCluster } from '@chat-cluster/testkit';
import { type Control, controlOf, json } from '@chat-cluster/testkit/npm-start';
import { expect } from 'chai';
import { type ControlServer, openControl } from '../src/control/control-server.ts';
import { ProcessControl } from '../src/control/process-control.ts';

describe('the control server of npm start', () => {
  const lines: string[] = [];
  let server: ControlServer;
  let cluster: TestCluster;
  let control: Control;

  before(async () => {
    server = await openControl((line) => lines.push(line));
    const env = {
      WEB_DIR: await buildWeb({ log: () => {} }),
      LOCAL_CONTROL_URL: server.url,
      LOCAL_CONTROL_TOKEN: server.token,
    };
    cluster = await startTestCluster({ gatewayProcesses: 1, env });
  });
  after(async () => {
    server.close();
    await cluster.stop();
  });

  it('serves nothing before the cluster is up', async () => {
    control = await controlOf(cluster.url);
    expect(await refusal('/processes')).to.deep.equal([403, 'ORIGIN_NOT_ALLOWED']);
    server.serve(cluster, { longestPauseMs: 500 });
    expect((await control.send('/processes')).status).to.equal(200);
  });

  it('refuses other hosts, origins and tokens', async () => {
    const { port } = new URL(server.url);
    for (const host of [`attacker.example:${port}`, `127.0.0.1.nip.io:${port}`, '127.0.0.1', `[::1]:${port}`]) {
      expect(await withHost(host), host).to.deep.equal([403, 'HOST_NOT_ALLOWED']);
    }
    expect((await withHost(`localhost:${port}`))[0]).to.equal(200);
    const otherPort = cluster.url.replace(/\d+$/, (number) => String(Number(number) + 1));
    for (const origin of [
      'https://attacker.example',
      'null',
      otherPort,
      server.url,
      cluster.url.replace('http', 'https'),
    ]) {
      expect(await refusal('/processes', { headers: { origin } }), origin).to.deep.equal([403, 'ORIGIN_NOT_ALLOWED']);
    }
    const local = cluster.url.replace('127.0.0.1', 'localhost');
    expect((await control.send('/processes', { headers: { origin: local } })).status).to.equal(200);
    for (const authorization of [
      '',
      'Bearer',
      'Bearer x',
      `Basic ${server.token}`,
      server.token,
      `Bearer ${server.token}x`,
    ]) {
      const answer = await refusal('/processes', { headers: { authorization } });
      expect(answer, authorization).to.deep.equal([401, 'UNAUTHORIZED']);
    }
  });

  it('answers the preflight of its page only, and lets it read errors', async () => {
    const preflight = (origin: string) => fetch(`${server.url}/tokens`, { method: 'OPTIONS', headers: { origin } });
    const allowed = await preflight(cluster.url);
    expect(allowed.status).to.equal(204);
    expect(Object.fromEntries(allowed.headers)).to.include({
      'access-control-allow-origin': cluster.url,
      'access-control-allow-headers': 'Authorization, Content-Type',
      'access-control-allow-methods': 'GET, POST',
      vary: 'Origin',
    });
    expect((await preflight('https://attacker.example')).headers.get('access-control-allow-origin')).to.equal(null);
    const error = await control.send('/nowhere');
    expect([error.status, error.headers.get('access-control-allow-origin')]).to.deep.equal([404, cluster.url]);
  });

  it('refuses what is not a small, valid JSON body, and unknown paths', async () => {
    const body = '{"userId":"alice"}';
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx']) {
      const init = { method: 'POST', body, headers: { 'content-type': type } };
      expect(await refusal('/tokens', init), type).to.deep.equal([415, 'UNSUPPORTED_MEDIA_TYPE']);
    }
    expect(await refusal('/tokens', json({ userId: 'x'.repeat(70_000) }))).to.deep.equal([413, 'PAYLOAD_TOO_LARGE']);
    expect(await refusal('/tokens', { ...json({}), body: '{' })).to.deep.equal([400, 'VALIDATION_FAILED']);
    for (const wrong of [
      {},
      { userId: '' },
      { userId: 'a\nb' },
      { userId: 'x'.repeat(65) },
      { userId: 'a', more: 1 },
      [],
    ]) {
      expect(await refusal('/tokens', json(wrong)), JSON.stringify(wrong)).to.deep.equal([400, 'VALIDATION_FAILED']);
    }
    expect(await refusal('/processes', json({ kind: 'redis' }))).to.deep.equal([400, 'VALIDATION_FAILED']);
    expect(await refusal('/tokens')).to.deep.equal([405, 'METHOD_NOT_ALLOWED']);
    expect(await refusal('/processes/worker-1/kill')).to.deep.equal([405, 'METHOD_NOT_ALLOWED']);
    expect(await refusal('/processes/worker-1/explode', json({}))).to.deep.equal([404, 'NOT_FOUND']);
    expect(await refusal('/processes/worker-9/kill', json({}))).to.deep.equal([404, 'NOT_FOUND']);
    expect(await refusal('/processes/..%2f/kill', json({}))).to.deep.equal([404, 'NOT_FOUND']);
    expect(await refusal('/processes/worker-1/drain', json({}))).to.deep.equal([409, 'ACTION_NOT_POSSIBLE']);
    expect(await refusal('/processes/worker-1/resume', json({}))).to.deep.equal([409, 'ACTION_NOT_POSSIBLE']);
  });

  it('lists a single gateway by its name, and no server that was given by URL', async () => {
    const { processes } = await control.get<{ processes: LocalProcess[] }>('/processes');
    expect(processes.map(({ name, kind, state, actions }) => [name, kind, state, actions])).to.deep.equal([
      ['gateway-1', 'gateway', 'running', ['kill', 'pause']],
      ['worker-1', 'worker', 'running', ['kill', 'pause']],
    ]);
  });

  it('ends a pause by itself, and logs every action', async () => {
    const { done, process: paused } = await control.post<LocalActionResult>('/processes/worker-1/pause', {});
    expect(done).to.equal('worker-1 is paused, for 0.5 s at most.');
    expect(paused).to.include({ name: 'worker-1', state: 'paused' });
    await eventually(async () => {
      const { processes } = await control.get<{ processes: LocalProcess[] }>('/processes');
      expect(processes.find(({ name }) => name === 'worker-1')?.state).to.equal('running');
    });
    expect(lines).to.include(`pause worker-1, by ${cluster.url} (127.0.0.1)`);
    expect(lines).to.include('worker-1 continues: it was paused for 0.5 s');
  });

  it('logs user ids without characters that a terminal obeys', async () => {
    expect((await control.send('/tokens', json({ userId: 'a\u202eb' }))).status).to.equal(200);
    expect(lines.at(-1)).to.equal(`token for 'a\\u{202e}b', by ${cluster.url} (127.0.0.1)`);
  });

  it('adds no ninth worker', async () => {
    const members = { list: () => Array.from({ length: 8 }, (_, i) => worker(i + 1)) } as Cluster['members'];
    const processes = new ProcessControl(members, () => {});
    const error = await processes.add('worker').then(String, (reason: Error) => reason.message);
    expect(error).to.equal('This cluster has 8 workers, the maximum. Drain or kill one first.');
  });

  it('drains one of two workers that are to drain at once', async () => {
    const list = [1, 2].map((number) => ({ ...worker(number), pid: number, state: 'running' }));
    // As in a real cluster, the state changes later.
    const drain = (name: string) =>
      void setTimeout(() => Object.assign(list.find((one) => one.name === name) ?? {}, { state: 'draining' }), 20);
    const processes = new ProcessControl({ list: () => list, drain } as unknown as Cluster['members'], () => {});
    const outcomes = await Promise.allSettled(list.map(({ name }) => processes.act(name, 'drain')));
    expect(outcomes.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected']);
    expect(list.map(({ state }) => state)).to.deep.equal(['draining', 'running']);
  });

  async function refusal(path: string, init?: RequestInit): Promise<[number, string]> {
    const response = await control.send(path, init);
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    expect(error.message).to.match(/\S\.?$/);
    return [response.status, error.code];
  }

  /** `fetch` sets the Host itself. */
  async function withHost(host: string): Promise<[number | undefined, string | undefined]> {
    const { promise, resolve, reject } = Promise.withResolvers<[number | undefined, string | undefined]>();
    const headers = { host, origin: cluster.url, authorization: `Bearer ${server.token}` };
    const sent = request(`${server.url}/processes`, { headers, agent: false }, async (response) => {
      const { error } = JSON.parse(await text(response));
      resolve([response.statusCode, error?.code]);
    });
    sent.on('error', reject).end();
    return promise;
  }
});

function worker(number: number) {
  return { name: `worker-${number}`, kind: 'worker' as const, pid: 0, state: 'restarting' as const };
}
