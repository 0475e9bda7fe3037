import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startFaultCluster } from '@chat-cluster/testkit';
import { closing, describeBalancer, expectDrain, openPolling, POLLING } from '@chat-cluster/testkit/balancers';
import { expect } from 'chai';
import { reloadWith, startNginx } from './nginx.ts';

describe('nginx in front of three gateways', () => {
  // Stock clients, which start with polling and upgrade to a websocket, cover what the other kinds of clients need.
  const balanced = describeBalancer(startNginx, ['upgrade']);

  it('forwards only the offer to upgrade to a websocket', async () => {
    await using stack = new AsyncDisposableStack();
    const server = createServer(({ headers }, res) => res.end(`${headers.upgrade} ${headers.connection}`));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    stack.defer(() => void server.close());
    const balancer = stack.use(await startNginx(Array(3).fill((server.address() as AddressInfo).port)));
    const forwarded = async (upgrade: string) => {
      const request = get(balancer.url, { headers: { connection: 'Upgrade', upgrade } });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      return text(response);
    };
    expect(await forwarded('h2c')).to.equal('undefined close');
    expect(await forwarded('WebSocket')).to.equal('websocket upgrade');
  });

  describe('with a changed configuration', () => {
    it('serves the chat page as the README describes', async () => {
      await using stack = new AsyncDisposableStack();
      const web = createServer(({ url }, response) => response.end(`the page at ${url}`));
      await once(web.listen(0, '127.0.0.1'), 'listening');
      stack.defer(() => void web.close());
      const { balancer } = balanced();
      const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
      const [, block = ''] = /```nginx\n([^`]*)```/.exec(readme) ?? [];
      const page = block.replace('web:8080', `127.0.0.1:${(web.address() as AddressInfo).port}`);
      await reloadWith(balancer, (config) => config.replace('    location / {', `${page}\n    location / {`));
      for (const path of ['/', '/assets/chat-1a2b.js', '/config.json', '/icon.svg']) {
        expect(await (await fetch(balancer.url + path)).text()).to.equal(`the page at ${path}`);
      }
      expect((await fetch(`${balancer.url}/api/docs`)).headers.get('x-gateway-id')).to.match(/^gateway-/);
      expect((await fetch(`${balancer.url}/healthz`)).status).to.equal(404);
      await reloadWith(balancer, (config) => config.replace(`${page}\n`, ''));
    });

    it('keeps the sessions of a gateway that is marked as down, and opens new ones elsewhere', async () => {
      const { balancer } = balanced();
      await expectDrain(balanced(), () =>
        reloadWith(balancer, (config) => config.replace(' max_fails=1', ' down max_fails=1')),
      );
      await reloadWith(balancer, (config) => config.replace(' down', ''));
    });

    it('keeps sessions on a gateway that has several processes', async () => {
      await using cluster = await startFaultCluster({ gateways: 1, workers: 0, env: { GATEWAY_PROCESSES: '2' } });
      const ports = Array.from({ length: 3 }, () => cluster.gateways[0]?.port ?? 0);
      await using balancer = await startNginx(ports);
      const opened = await Promise.all(Array.from({ length: 20 }, () => openPolling(balancer.url)));
      expect(new Set(opened.map(({ gateway }) => gateway))).to.deep.equal(new Set(['gateway-1-1', 'gateway-1-2']));
      for (const { sid, gateway, cookie } of opened) {
        expect(cookie).to.equal('chat_gateway=gateway-1');
        const end = await fetch(`${balancer.url}${POLLING}&sid=${sid}`, closing(cookie));
        expect([end.status, end.headers.get('x-gateway-id')]).to.deep.equal([200, gateway]);
      }
    });
  });
});
