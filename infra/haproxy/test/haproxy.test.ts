import { eventually } from '@chat-cluster/testkit';
import { closing, describeBalancer, expectDrain, openPolling, POLLING } from '@chat-cluster/testkit/balancer-suite';
import { admin, startHaproxy } from '@chat-cluster/testkit/haproxy';
import { expect } from 'chai';

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
      expectDrain(balanced(), () => tell('set server gateways/gateway-1 state drain'))).timeout(60_000);

    it('a gateway that is no longer ready keeps its sessions and gets no new ones', () =>
      expectDrain(balanced(), notReady)).timeout(60_000);

    it('a browser whose gateway is not ready opens its next session elsewhere, and is kept there', async () => {
      const { url } = balanced().target;
      const first = await eventually(async () => {
        const opened = await openPolling(url);
        expect(opened.gateway).to.equal('gateway-1');
        return opened;
      }, 20_000);
      await notReady();
      const { gateway, sid, cookie } = await openPolling(url, '', { cookie: first.cookie });
      expect(gateway).not.to.equal('gateway-1');
      expect(cookie).not.to.equal(first.cookie);
      const poll = await fetch(`${url}${POLLING}&sid=${sid}`, closing(cookie));
      expect(poll.status).to.equal(200);
    }).timeout(60_000);
  });
});
