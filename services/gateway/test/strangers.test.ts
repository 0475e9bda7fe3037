import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { clientAddress } from '../src/socket/connect/client-address.ts';
import { rawPolling, rawWebsocket } from './raw-session.ts';
import { rawToken, type SocketEdge, startSockets } from './socket-edge.ts';

const POLLING = '/socket.io/?EIO=4&transport=polling';
const BAD_TOKEN = '40{"token":"bad"}';

describe('a connection that does not authenticate', () => {
  const BEHAVIOURS: [name: string, (edge: SocketEdge) => Promise<unknown>][] = [
    ['opens a long-polling session and leaves', (edge) => rawPolling(edge)],
    ['polls', async (edge) => void (await rawPolling(edge)).poll().catch(() => {})],
    ['sends a bad token and does not poll', async (edge) => (await rawPolling(edge)).send(BAD_TOKEN)],
    ['sends an invalid packet and does not poll', async (edge) => (await rawPolling(edge)).send('4x').catch(() => {})],
    ['asks for another namespace', async (edge) => (await rawPolling(edge)).send('40/other,')],
    ['opens a websocket', (edge) => rawWebsocket(edge)],
    ['sends a bad token over a websocket', async (edge) => (await rawWebsocket(edge)).socket.send(BAD_TOKEN)],
  ];
  for (const [name, behave] of BEHAVIOURS) {
    it(`ends in time when it ${name}`, async () => {
      await using edge = await startSockets({ AUTHENTICATE_WITHIN_MS: '500' });
      await behave(edge);
      await eventually(() => expect(edge.io.engine.clientsCount).to.equal(0));
    });
  }

  it('leaves a session of a user alone', async () => {
    await using edge = await startSockets({ AUTHENTICATE_WITHIN_MS: '500' });
    const client = await edge.connected('alice', { transports: ['polling'] });
    const stranger = await rawPolling(edge);
    await eventually(() => expect(edge.io.engine.clientsCount).to.equal(1));
    expect(client.connected).to.equal(true);
    expect(await stranger.send('3')).to.equal(400);
  });
});

describe('the share of an address', () => {
  const from = (address: string) => ({ 'X-Forwarded-For': address });

  it('of unauthenticated connections: the oldest one of the address is cut', async () => {
    await using edge = await startSockets({ TRUSTED_HOPS: '1', MAX_UNAUTHENTICATED_PER_ADDRESS: '3' });
    const other = await rawPolling(edge, from('198.51.100.1'));
    const sessions = [];
    for (let i = 0; i < 10; i++) sessions.push(await rawPolling(edge, from('198.51.100.2')));
    expect(edge.io.engine.clientsCount).to.equal(4);
    const open = await Promise.all(sessions.map(async (session) => (await session.send('3')) === 200));
    expect(open).to.deep.equal([...Array<boolean>(7).fill(false), true, true, true]);
    expect(await other.send(`40${JSON.stringify({ token: rawToken('alice') })}`)).to.equal(200);
  });

  it('of connects: beyond it 429 with a delay, whatever the client adds to the header', async () => {
    await using edge = await startSockets({ TRUSTED_HOPS: '1', CONNECTS_PER_SECOND_PER_ADDRESS: '1' });
    const connect = (address: string) => fetch(edge.url + POLLING, { headers: from(address) });
    const statuses = [];
    for (let i = 0; i < 10; i++) statuses.push((await connect(`192.0.2.${i}, 198.51.100.1`)).status);
    expect(statuses).to.deep.equal([...Array<number>(5).fill(200), ...Array<number>(5).fill(429)]);
    const refused = await connect('198.51.100.1');
    expect(Number(refused.headers.get('retry-after'))).to.be.at.least(1);
    expect(await refused.json())
      .to.have.property('error')
      .that.includes({ code: 'RATE_LIMITED', retryable: true })
      .and.has.property('retryAfterMs');
    expect((await connect('198.51.100.2')).status).to.equal(200);
  });

  it('of connects over websockets: 429, and the address behind no proxy is that of the connection', async () => {
    await using edge = await startSockets({ CONNECTS_PER_SECOND_PER_ADDRESS: '1' });
    for (let i = 0; i < 5; i++) await rawPolling(edge, from(`192.0.2.${i}`));
    const tcp = edge.tcp();
    let received = '';
    tcp.on('data', (chunk) => {
      received += chunk;
    });
    tcp.write(
      'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'X-Forwarded-For: 192.0.2.9\r\n' +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    await eventually(() => expect(received).to.match(/^HTTP\/1.1 429 .*"RATE_LIMITED"/s));
    expect(edge.lines.filter(({ text }) => text.includes('TRUSTED_HOPS'))).to.have.length(1);
  });
});

describe('the address of a client', () => {
  const CASES: [trustedHops: number, remote: string, forwarded: string | undefined, address: string][] = [
    [0, '203.0.113.9', undefined, '203.0.113.9'],
    [0, '203.0.113.9', '192.0.2.1', '203.0.113.9'],
    [0, '::ffff:203.0.113.9', undefined, '203.0.113.9'],
    [1, '10.0.0.1', '192.0.2.1', '192.0.2.1'],
    [1, '10.0.0.1', 'spoofed, 192.0.2.7,192.0.2.1', '192.0.2.1'],
    [1, '10.0.0.1', undefined, '10.0.0.1'],
    [1, '10.0.0.1', 'unknown', '10.0.0.1'],
    [2, '10.0.0.1', '192.0.2.7, 192.0.2.1, 10.0.0.2', '192.0.2.1'],
    [2, '10.0.0.1', '192.0.2.1', '192.0.2.1'],
    [1, '::1', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    [1, '::1', '2001:db8:1:2:ffff::1', '2001:db8:1:2::/64'],
    [1, '::1', '2001:db8:1:3::1', '2001:db8:1:3::/64'],
    [1, '::1', '::ffff:c000:201', '192.0.2.1'],
  ];
  for (const [trustedHops, remoteAddress, forwarded, address] of CASES) {
    it(`is ${address} behind ${trustedHops} proxies, from ${remoteAddress} with ${forwarded ?? 'no header'}`, () => {
      const request = { socket: { remoteAddress }, headers: { 'x-forwarded-for': forwarded } };
      expect(clientAddress(request as never, trustedHops)).to.equal(address);
    });
  }
});
