import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRedis, disconnectRedis, parseSentinelUrl } from '@chat-cluster/redis';
import { controlledSentinel, eventually, selfSigned } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { followPrimary } from '../src/connection/sentinel.ts';
import type { SentinelGroup } from '../src/connection/server-url.ts';
import { memoryLogger } from './clients.ts';

describe('Redis behind Sentinel', () => {
  it('is configured by its URL', () => {
    const group = {
      name: 'main',
      tls: false,
      sentinelPassword: undefined,
      username: undefined,
      password: undefined,
      database: 0,
    };
    expect(parseSentinelUrl('redis+sentinel://10.0.0.1,s2:26380,[::1]:26381/main')).to.deep.equal({
      ...group,
      sentinels: [
        { host: '10.0.0.1', port: 26_379 },
        { host: 's2', port: 26_380 },
        { host: '::1', port: 26_381 },
      ],
    });
    expect(parseSentinelUrl('redis+sentinel://me:p%40ss@s1/main?db=2&sentinelPassword=other')).to.deep.equal({
      ...group,
      sentinels: [{ host: 's1', port: 26_379 }],
      username: 'me',
      password: 'p@ss',
      database: 2,
      sentinelPassword: 'other',
    });
    expect(parseSentinelUrl('rediss+sentinel://s1/main')).to.include({ name: 'main', tls: true });
    for (const url of ['redis://localhost:6379', 'redis+sentinel://s1', 'redis+sentinel:///main']) {
      expect(parseSentinelUrl(url)).to.equal(undefined);
    }
  });

  it('needs certificates for the hosts that the sentinels name', async () => {
    const group = parseSentinelUrl('rediss+sentinel://s1/main') as SentinelGroup;
    const { cert } = await selfSigned(['127.0.0.1']);
    const certificate = new X509Certificate(cert).toLegacyObject();
    const check = (host: string) => {
      const { socket } = followPrimary(group, { host, port: 6_379 }).place;
      return 'checkServerIdentity' in socket && socket.checkServerIdentity('main', certificate);
    };
    expect(check('127.0.0.1')).to.equal(undefined);
    expect(check('127.0.0.2')).to.have.property('code', 'ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it('is followed to its new primary, with every subscription', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chat-sentinel-test-'));
    const group = await controlledSentinel(folder, () => {});
    const { logger } = memoryLogger();
    const client = await connectRedis(group.url, 'consume', logger);
    try {
      const received: string[] = [];
      await client.sSubscribe('news', (text) => received.push(text));
      let moves = 0;
      client.onMoved(() => moves++);
      await client.set('key', 'before');
      await group.kill();
      await eventually(() => expect(moves).to.equal(1), 60_000);
      await client.set('key', 'after');
      await client.sPublish('news', 'hello');
      await eventually(() => expect(received).to.deep.equal(['hello']));
      expect(await client.sendCommand(['ROLE'])).to.have.property('0', 'master');
    } finally {
      await disconnectRedis(client);
      await group.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
