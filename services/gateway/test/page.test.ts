import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { buildWeb } from '@chat-cluster/local-cluster';
import { ConfigError } from '@chat-cluster/runtime';
import { expect } from 'chai';
import { type Edge, refusal, startEdge } from './http-app.ts';

const CONTROL = { LOCAL_CONTROL_URL: 'http://127.0.0.1:41234', LOCAL_CONTROL_TOKEN: 'token-of-this-start' };

describe('The chat page', () => {
  let web: { WEB_DIR: string };
  /** Settings of `npm start`. */
  let local: NodeJS.ProcessEnv;
  before(async () => {
    web = { WEB_DIR: await buildWeb({ log: () => {} }) };
    local = { ...web, ...CONTROL, NODE_ENV: 'development' };
  });

  it('is served at the root with its files, without a token, and allows scripts of its own origin only', async () => {
    await using edge = await startEdge({}, web);
    const page = await edge.get('/', { headers: { authorization: '' } });
    expect(page.status).to.equal(200);
    expect(page.headers.get('content-type')).to.match(/^text\/html/);
    const policy = page.headers.get('content-security-policy');
    expect(policy).to.include("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).not.to.match(/unsafe|127\.0\.0\.1/);
    expect(page.headers.get('x-gateway-id')).to.equal('gateway-7');
    const files = [...(await page.text()).matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = '']) => path);
    expect(files.length).to.be.greaterThan(1);
    for (const path of files) {
      const file = await edge.get(path);
      expect([file.status, file.headers.get('cache-control')], path).to.deep.equal([200, IMMUTABLE]);
      expect((await file.arrayBuffer()).byteLength).to.be.greaterThan(0);
    }
    for (const path of ['/', ...files]) {
      const { status, headers } = await edge.get(path, { method: 'HEAD' });
      expect([status, Number(headers.get('content-length')) > 0], path).to.deep.equal([200, true]);
      expect(await statusOf(edge, path, { 'if-none-match': headers.get('etag') ?? '' }), path).to.equal(304);
    }
  });

  it('leaves the API and unknown paths as they are', async () => {
    await using edge = await startEdge({}, web);
    expect((await edge.get('/api/messages/conversations')).status).to.equal(200);
    expect((await edge.get('/readyz')).status).to.equal(200);
    expect((await edge.get('/api/docs')).headers.get('content-type')).to.match(/^text\/html/);
    const unknown = ['/nowhere', '/index.html', '/cluster', '/cluster.html', '/assets/', '/assets/x.js'];
    for (const path of [...unknown, '/assets/..%2findex.html', '/assets'])
      await refusal(await edge.get(path), 'NOT_FOUND');
    await refusal(await edge.get('/', { method: 'POST' }), 'METHOD_NOT_ALLOWED');
    await refusal(await edge.get('/', { headers: { range: 'bytes=999999-' } }), 'VALIDATION_FAILED', 416);
    await refusal(await edge.get('/', { headers: { 'if-match': '"other"' } }), 'VALIDATION_FAILED', 412);
    expect(edge.faults).to.deep.equal([]);
  });

  it('has no content for settings that it does not have: the console of a browser stays empty', async () => {
    await using edge = await startEdge({}, web);
    for (const path of ['/local.json', '/config.json']) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await edge.get(path, { method, headers: { authorization: '' } });
        expect([answer.status, await answer.text()], path).to.deep.equal([204, '']);
        expect(answer.headers.get('cache-control'), path).to.equal('no-store');
      }
    }
  });

  it('costs no request of a user, and an address has its share of files', async () => {
    const limits = { HTTP_RATE_LIMIT_PER_SECOND: '1', HTTP_RATE_LIMIT_BURST: '1' };
    await using edge = await startEdge({}, { ...web, ...limits, TRUSTED_HOPS: '1' });
    const from = (address: string, path = '/') => edge.get(path, { headers: { 'x-forwarded-for': address } });
    let refused: Response | undefined;
    // The cheapest path: a slow machine must send more than the share that grows meanwhile.
    for (let i = 0; i < 40 && !refused; i++) {
      const answers = await Promise.all(Array.from({ length: 200 }, () => from('192.0.2.1', '/config.json')));
      refused = answers.find(({ status }) => status === 429);
      await Promise.all(answers.map((answer) => answer !== refused && answer.arrayBuffer()));
    }
    if (!refused) throw new Error('no request was refused');
    const { retryAfterMs } = await refusal(refused, 'RATE_LIMITED');
    expect(retryAfterMs).to.be.within(1, 1_000);
    expect((await from('192.0.2.2')).status).to.equal(200);
    expect((await from('192.0.2.1', '/api/messages/conversations')).status).to.equal(200);
  });

  it('comes with the cluster view and the control server of npm start in local mode', async () => {
    await using edge = await startEdge({}, local);
    for (const path of ['/', '/cluster']) {
      const policy = (await edge.get(path)).headers.get('content-security-policy');
      expect(policy, path).to.include(`connect-src 'self' ${CONTROL.LOCAL_CONTROL_URL};`);
    }
    const answer = await edge.get('/local.json', { headers: { origin: 'https://example.com' } });
    expect(answer.headers.get('access-control-allow-origin')).to.equal(null);
    expect(answer.headers.get('cross-origin-resource-policy')).to.equal('same-origin');
    expect(answer.headers.get('cache-control')).to.equal('no-store');
    expect(await answer.json()).to.deep.equal({
      control: CONTROL.LOCAL_CONTROL_URL,
      token: CONTROL.LOCAL_CONTROL_TOKEN,
      gateways: ['gateway-7', 'gateway-8'],
    });
  });

  it('shows the token only to requests to this machine by its own names', async () => {
    await using edge = await startEdge({}, local);
    for (const host of ['localhost:3000', '127.0.0.1', '[::1]:3000']) {
      expect(await statusOf(edge, '/local.json', { host }), host).to.equal(200);
    }
    for (const host of ['attacker.example', 'localhost.attacker.example', '127.0.0.1.attacker.example', '192.0.2.1']) {
      expect(await statusOf(edge, '/local.json', { host }), host).to.equal(204);
    }
  });

  it('needs a folder with a build; the control server is refused in production', async () => {
    const failure = await startEdge({}, { WEB_DIR: '/nowhere' }).then(String, (error: Error) => error.message);
    expect(failure).to.equal('WEB_DIR: /nowhere does not contain index.html, which the build of services/web writes.');
    const failed = await startEdge({}, { ...web, ...CONTROL }).then(String, (error: unknown) => error);
    expect(failed).to.be.instanceOf(ConfigError);
    expect(String(failed)).to.match(/LOCAL_CONTROL_URL: must not be set in production/);
  });
});

const IMMUTABLE = 'public, max-age=31536000, immutable';

/** Not with `fetch`, which adds `Cache-Control` to a conditional request, and a Host of its own. */
async function statusOf({ url }: Edge, path: string, headers: Record<string, string>): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const sent = request(url + path, { headers, agent: false }, async (response) => {
    await text(response);
    resolve(response.statusCode);
  });
  sent.on('error', reject).end();
  return promise;
}
