import type { ConversationId, Message } from '@chat-cluster/contracts';
import { newConversationId, newMessageId } from '@chat-cluster/domain';
import { connectRedis, createRecentMessages, disconnectRedis, type RedisClient } from '@chat-cluster/redis';
import { createLogger } from '@chat-cluster/runtime';
import { eventually, privateServers } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { createDropChanged } from '../src/lanes/drop-changed.ts';

const logger = createLogger({ name: 'test', level: 'silent', format: 'json' });
const USER = 'drop-changed-test';
const PASSWORD = 'drop-changed-password';

describe('dropping changed messages from the cache', () => {
  let owner: RedisClient;
  let limited: RedisClient;
  const stop = new AbortController();
  const acl = (...rules: string[]) => owner.sendCommand(['ACL', 'SETUSER', USER, ...rules]);

  before(async () => {
    const url = new URL((await privateServers()).redis.url);
    owner = await connectRedis(url.href, 'cache', logger);
    await acl('reset', 'on', `>${PASSWORD}`, '~*', '&*', '+@all');
    limited = await connectRedis(Object.assign(url, { username: USER, password: PASSWORD }).href, 'cache', logger);
  });
  after(async () => {
    stop.abort();
    await disconnectRedis(limited);
    await owner.sendCommand(['ACL', 'DELUSER', USER]);
    await disconnectRedis(owner);
  });

  const message = (conversationId: ConversationId) => ({ id: newMessageId(), conversationId, seq: 1 }) as Message;

  it('is repeated while Redis rejects it, and then also drops what changed meanwhile', async () => {
    const recent = createRecentMessages(limited);
    let failures = 0;
    const drop = createDropChanged({ recent, signal: stop.signal, onFailure: () => failures++, retryMs: 20 });
    const ids = [newConversationId(), newConversationId(), newConversationId()] as const;
    await recent.append(ids.map(message));
    await acl('-unlink');
    drop([ids[0], ids[0]]);
    drop([ids[1]]);
    await eventually(() => expect(failures).to.be.greaterThan(3));
    for (const id of ids) expect(await recent.range(id, 1, 1)).to.have.length(1);
    await acl('+unlink');
    await eventually(async () => {
      for (const id of ids.slice(0, 2)) expect(await recent.range(id, 1, 1)).to.equal(undefined);
    });
    expect(await recent.range(ids[2], 1, 1)).to.have.length(1);
    const before = failures;
    await recent.append([message(ids[0])]);
    drop([ids[0]]);
    await eventually(async () => expect(await recent.range(ids[0], 1, 1)).to.equal(undefined));
    expect(failures).to.equal(before);
  });
});
