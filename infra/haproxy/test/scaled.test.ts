import { eventually, freePort, startFaultCluster } from '@chat-cluster/testkit';
import { closing, openPolling, POLLING } from '@chat-cluster/testkit/balancer-suite';
import { gatewaysUp, startHaproxy } from '@chat-cluster/testkit/haproxy';
import { expect } from 'chai';
import { answerAt, startNameServer } from './names.ts';

describe('HAProxy before gateways that a name in DNS stands for', () => {
  it('finds new ones, and keeps each session where it is meanwhile', async () => {
    await using undo = new AsyncDisposableStack();
    const cluster = undo.use(await startFaultCluster({ gateways: 3, workers: 0 }));
    const port = await freePort();
    const addresses = ['127.0.0.11', '127.0.0.12', '127.0.0.13'];
    for (const [i, address] of addresses.entries()) {
      undo.use(await answerAt(address, port, cluster.gateways[i]?.port ?? 0));
    }
    const names = undo.use(await startNameServer(addresses.slice(0, 2)));
    const balancer = undo.use(
      await startHaproxy([], { GATEWAYS: `gateway.test:${port}`, DNS: `127.0.0.1:${names.port}` }),
    );
    const open = (count: number) => Promise.all(Array.from({ length: count }, () => openPolling(balancer.url)));
    const gatewaysOf = (sessions: { gateway: string }[]) => [...new Set(sessions.map(({ gateway }) => gateway))].sort();
    const up = (count: number) => eventually(async () => expect(await gatewaysUp(balancer)).to.have.length(count));

    await up(2);
    const before = await open(20);
    expect(gatewaysOf(before)).to.deep.equal(['gateway-1', 'gateway-2']);
    names.addresses = addresses;
    await up(3);
    await eventually(async () => expect(gatewaysOf(await open(30))).to.include('gateway-3'), 20_000);
    for (const { sid, gateway, cookie } of before) {
      const poll = await fetch(`${balancer.url}${POLLING}&sid=${sid}`, closing(cookie));
      expect([poll.status, poll.headers.get('x-gateway-id')]).to.deep.equal([200, gateway]);
    }
  }).timeout(60_000);
});
