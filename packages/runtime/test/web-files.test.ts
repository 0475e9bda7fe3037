import { once } from 'node:events';
import { mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { webFiles } from '@chat-cluster/runtime';
import { eventually, temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('the files of the web pages', () => {
  const temporary = temporaryFolder();
  const folder = join(temporary.path, 'dist');
  let server: Server;

  before(async () => {
    mkdirSync(join(folder, 'assets'), { recursive: true });
    writeFileSync(join(folder, 'index.html'), 'the chat');
    writeFileSync(join(folder, 'cluster.html'), 'the cluster');
    writeFileSync(join(folder, 'favicon.svg'), '<svg/>');
    writeFileSync(join(folder, 'assets/main-1a2b.js'), 'run()');
    const chat = webFiles({ folder, page: 'index.html', connect: ['http://127.0.0.1:9'] });
    const cluster = webFiles({ folder, page: 'cluster.html' });
    server = createServer((req, res) => {
      const handler = req.headers['x-page'] === 'cluster' ? cluster : chat;
      if (!handler(req, res)) res.writeHead(418).end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  after(async () => {
    server.close();
    await temporary[Symbol.asyncDispose]();
  });

  /** Sends the path as it is: `fetch` would resolve `..` before. */
  async function get(path: string, { method = 'GET', page = 'chat', headers = {} } = {}) {
    const { port } = server.address() as AddressInfo;
    const sent = request({ port, path, method, headers: { 'x-page': page, ...headers }, agent: false }).end();
    const [response] = await once(sent, 'response');
    const parts: Buffer[] = await response.toArray();
    return { status: response.statusCode, headers: response.headers, text: Buffer.concat(parts).toString() };
  }

  it('serves each page at its path only', async () => {
    expect(await get('/')).to.include({ status: 200, text: 'the chat' });
    expect(await get('/?user=alice')).to.include({ status: 200, text: 'the chat' });
    expect(await get('/cluster', { page: 'cluster' })).to.include({ status: 200, text: 'the cluster' });
    expect((await get('/', { page: 'cluster' })).status).to.equal(418);
    for (const path of ['/cluster', '/index.html', '/cluster.html', '/api', '/socket.io/']) {
      expect((await get(path)).status, path).to.equal(418);
    }
  });

  it('has no content for settings that the folder does not have, and serves those that it has', async () => {
    for (const path of ['/local.json', '/config.json']) {
      for (const page of ['chat', 'cluster']) {
        const answer = await get(path, { page });
        expect(answer, path).to.include({ status: 204, text: '' });
        expect(answer.headers, path).to.include({ 'cache-control': 'no-store' });
      }
    }
    const other = join(temporary.path, 'configured');
    mkdirSync(other);
    writeFileSync(join(other, 'index.html'), 'the chat');
    writeFileSync(join(other, 'config.json'), '{}');
    const serve = webFiles({ folder: other, page: 'index.html' });
    await using server = await listening(createServer((req, res) => void serve(req, res)));
    const answer = await fetch(`http://127.0.0.1:${server.port}/config.json`);
    expect([answer.status, await answer.text()]).to.deep.equal([200, '{}']);
  });

  it('lets caches keep hashed files for a year, and pages not without a check', async () => {
    const script = await get('/assets/main-1a2b.js');
    expect(script).to.include({ status: 200, text: 'run()' });
    expect(script.headers).to.include({ 'cache-control': 'public, max-age=31536000, immutable' });
    expect(script.headers['content-type']).to.match(/^text\/javascript/);
    expect((await get('/')).headers).to.include({ 'cache-control': 'no-cache' });
    expect((await get('/favicon.svg')).headers).to.include({ 'content-type': 'image/svg+xml' });
  });

  it('allows scripts and styles of its own origin only, and connections to the listed origins', async () => {
    const { headers } = await get('/');
    expect(headers['content-security-policy']).to.include("default-src 'none'; script-src 'self'; style-src 'self';");
    expect(headers['content-security-policy']).to.include("connect-src 'self' http://127.0.0.1:9;");
    expect((await get('/cluster', { page: 'cluster' })).headers['content-security-policy']).to.include(
      "connect-src 'self';",
    );
    expect(headers).to.include({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
  });

  it('reads nothing outside the folder, and responds to GET and HEAD only', async () => {
    writeFileSync(join(temporary.path, 'outside.txt'), 'secret');
    for (const path of ['/assets/../../outside.txt', '/assets/%2e%2e/%2e%2e/outside.txt', '/assets/', '/assets/%']) {
      expect((await get(path)).status, path).to.equal(418);
    }
    expect((await get('/', { method: 'POST' })).status).to.equal(418);
    expect(await get('/', { method: 'HEAD' })).to.include({ status: 200, text: '' });
  });

  it('responds to conditions and ranges', async () => {
    const { etag, 'last-modified': modified } = (await get('/')).headers;
    expect(await get('/', { headers: { 'if-none-match': etag } })).to.include({ status: 304, text: '' });
    expect(await get('/', { headers: { 'if-modified-since': modified } })).to.include({ status: 304, text: '' });
    expect(await get('/', { headers: { range: 'bytes=4-7' } })).to.include({ status: 206, text: 'chat' });
    expect(await get('/', { headers: { range: 'bytes=99-' } })).to.include({ status: 416, text: '' });
    expect(await get('/', { headers: { range: 'bytes=5-3' } })).to.include({ status: 416, text: '' });
  });

  it('closes the file when the client leaves before its end', async () => {
    const large = join(folder, 'assets/large-3c4d.js');
    writeFileSync(large, Buffer.alloc(20_000_000));
    const serve = webFiles({ folder, page: 'index.html' });
    await using other = await listening(createServer((req, res) => void serve(req, res)));
    const sent = request({ port: other.port, path: '/assets/large-3c4d.js', agent: false }).end();
    const [response] = await once(sent, 'response');
    expect(openFiles()).to.include(large);
    response.destroy();
    await eventually(() => expect(openFiles()).not.to.include(large));
  });

  it('names the page that the folder lacks', () => {
    expect(() => webFiles({ folder: '/nowhere', page: 'index.html' })).to.throw('/nowhere does not contain index.html');
  });
});

async function listening(server: Server) {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const close = () => new Promise<void>((done) => server.close(() => done()));
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: close };
}

/** The files that this process has open. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}
