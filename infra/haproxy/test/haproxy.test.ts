import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { freePort } from '@chat-cluster/local-cluster';
import { eventually } from '@chat-cluster/testkit';
import {
  admin,
  closing,
  describeBalancer,
  expectDrain,
  gatewaysUp,
  openPolling,
  POLLING,
  startHaproxy,
} from '@chat-cluster/testkit/balancers';
import { expect } from 'chai';
import { forwardFrom, startNameServer } from './names.ts';

describe('HAProxy in front of three gateways', () => {
  const balanced = describeBalancer(startHaproxy);

  describe('when a gateway drains', () => {
    afterEach(() => haproxy('enable health gateways/gateway-1', 'set server gateways/gateway-1 state ready'));

    /** Sends commands to the admin socket. */
    async function haproxy(...commands: string[]): Promise<void> {
      for (const command of commands) expect(await admin(balanced().balancer, command)).to.equal('');
    }

    /** As if the health check of gateway-1 failed. */
    const markUnready = () => haproxy('disable health gateways/gateway-1', 'set server gateways/gateway-1 health down');

    it('keeps the sessions of a gateway that is drained by hand, and opens new ones elsewhere', () =>
      expectDrain(balanced(), () => haproxy('set server gateways/gateway-1 state drain')));

    it('keeps the sessions of an unready gateway, and opens new ones elsewhere', () =>
      expectDrain(balanced(), markUnready));

    it('moves the next session of a browser whose gateway is unready, and keeps it on the new gateway', async () => {
      const { url } = balanced().target;
      const first = await eventually(async () => {
        const opened = await openPolling(url);
        expect(opened.gateway).to.equal('gateway-1');
        return opened;
      });
      await markUnready();
      const { gateway, sid, cookie } = await openPolling(url, '', { cookie: first.cookie });
      expect(gateway).not.to.equal('gateway-1');
      expect(cookie).not.to.equal(first.cookie);
      const poll = await fetch(`${url}${POLLING}&sid=${sid}`, closing(cookie));
      expect(poll.status).to.equal(200);
    });
  });

  it('finds the gateways behind a DNS name, also new ones, and keeps sessions on their gateway', async () => {
    await using undo = new AsyncDisposableStack();
    const port = await freePort();
    const addresses = ['127.0.0.11', '127.0.0.12', '127.0.0.13'];
    for (const [i, address] of addresses.entries()) {
      undo.use(await forwardFrom(address, port, balanced().cluster.gateways[i]?.port ?? 0));
    }
    const names = undo.use(await startNameServer(addresses.slice(0, 2)));
    const env = { GATEWAYS: `gateway.test:${port}`, DNS: `127.0.0.1:${names.port}` };
    const balancer = undo.use(await startHaproxy([], env));
    const open = () => Promise.all(Array.from({ length: 20 }, () => openPolling(balancer.url)));
    const gatewaysOf = (sessions: { gateway: string }[]) => [...new Set(sessions.map(({ gateway }) => gateway))].sort();
    const up = (count: number) => eventually(async () => expect(await gatewaysUp(balancer)).to.have.length(count));

    await up(2);
    const before = await open();
    expect(gatewaysOf(before)).to.deep.equal(['gateway-1', 'gateway-2']);
    names.addresses = addresses;
    await up(3);
    await eventually(async () => expect(gatewaysOf(await open())).to.include('gateway-3'));
    for (const { sid, gateway, cookie } of before) {
      const poll = await fetch(`${balancer.url}${POLLING}&sid=${sid}`, closing(cookie));
      expect([poll.status, poll.headers.get('x-gateway-id')]).to.deep.equal([200, gateway]);
    }
  });
});

describe('HAProxy with the chat page', () => {
  it('sends /api and /socket.io to the gateways, and every other path to the page', async () => {
    await using undo = new AsyncDisposableStack();
    const gateway = undo.use(await answering('gateway'));
    const web = undo.use(await answering('web'));
    const balancer = undo.use(await startHaproxy(Array(3).fill(gateway.port), { WEB: `127.0.0.1:${web.port}` }));
    const served = async (path: string) => (await fetch(balancer.url + path)).text();
    await eventually(async () => {
      for (const path of ['/', '/assets/chat-1a2b.js', '/config.json', '/apis', '/socket.iox']) {
        expect(await served(path), path).to.equal('web');
      }
      for (const path of ['/api', '/api/docs', '/socket.io', '/socket.io/?EIO=4&transport=polling']) {
        expect(await served(path), path).to.equal('gateway');
      }
    });
    for (const path of ['/healthz', '/readyz']) expect((await fetch(balancer.url + path)).status).to.equal(404);
  });
});

/** A server whose responses have its name. */
async function answering(name: string): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer((_request, response) => response.end(name));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
