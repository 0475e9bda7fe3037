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
import { answerAt, startNameServer } from './names.ts';

describe('HAProxy before three gateways', () => {
  const balanced = describeBalancer(startHaproxy);

  describe('when a gateway drains', () => {
    afterEach(() => tell('enable health gateways/gateway-1', 'set server gateways/gateway-1 state ready'));

    /** Commands for HAProxy. */
    async function tell(...commands: string[]): Promise<void> {
      for (const command of commands) expect(await admin(balanced().balancer, command)).to.equal('');
    }

    const notReady = () => tell('disable health gateways/gateway-1', 'set server gateways/gateway-1 health down');

    it('a gateway that is drained by hand keeps its sessions and gets no new ones', () =>
      expectDrain(balanced(), () => tell('set server gateways/gateway-1 state drain')));

    it('a gateway that is no longer ready keeps its sessions and gets no new ones', () =>
      expectDrain(balanced(), notReady));

    it('a browser whose gateway is not ready opens its next session elsewhere, and is kept there', async () => {
      const { url } = balanced().target;
      const first = await eventually(async () => {
        const opened = await openPolling(url);
        expect(opened.gateway).to.equal('gateway-1');
        return opened;
      });
      await notReady();
      const { gateway, sid, cookie } = await openPolling(url, '', { cookie: first.cookie });
      expect(gateway).not.to.equal('gateway-1');
      expect(cookie).not.to.equal(first.cookie);
      const poll = await fetch(`${url}${POLLING}&sid=${sid}`, closing(cookie));
      expect(poll.status).to.equal(200);
    });
  });

  it('finds gateways that a name in DNS stands for, new ones too, and sessions stay where they are', async () => {
    await using undo = new AsyncDisposableStack();
    const port = await freePort();
    const addresses = ['127.0.0.11', '127.0.0.12', '127.0.0.13'];
    for (const [i, address] of addresses.entries()) {
      undo.use(await answerAt(address, port, balanced().cluster.gateways[i]?.port ?? 0));
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
