import type { UserId } from '@chat-cluster/contracts';
import type { RedisClient } from '@chat-cluster/redis';
import { newUser } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { createPresenceStore, type PresenceStore } from '../src/presence/store.ts';
import { newClients } from './clients.ts';
import { PECULIAR_IDS } from './emitted.ts';

describe('the presence store', () => {
  const clients = newClients();
  let redis: RedisClient;
  let one: PresenceStore;
  let two: PresenceStore;

  before(async () => {
    redis = await clients.connect('cache');
    one = createPresenceStore(redis, 'gateway-1:a');
    two = createPresenceStore(redis, 'gateway-2:b');
  });
  after(() => clients.close());

  const user = () => newUser('user') as UserId;
  const keyOf = (userId: UserId) => `chat:presence:${userId}`;
  const holders = async (userId: UserId) => (await one.read([userId]))[0]?.gateways.map(({ id }) => id);

  it('returns the gateways that hold a user, and the users whose gateways changed', async () => {
    const [a, b] = [user(), user()];
    expect(await one.write([a, b], [])).to.deep.equal([a, b]);
    expect(await two.write([b], [])).to.deep.equal([b]);
    expect(await one.write([a, b], [])).to.deep.equal([]);
    expect(await holders(a)).to.deep.equal(['gateway-1:a']);
    expect(await holders(b)).to.have.members(['gateway-1:a', 'gateway-2:b']);
    expect(await one.write([a], [b])).to.deep.equal([b]);
    expect(await one.write([], [b])).to.deep.equal([]);
    expect(await holders(b)).to.deep.equal(['gateway-2:b']);
  });

  it('separates users, whatever their ids contain', async () => {
    expect(await one.write(PECULIAR_IDS, [])).to.deep.equal(PECULIAR_IDS);
    expect(await two.write([], PECULIAR_IDS)).to.deep.equal([]);
    for (const id of PECULIAR_IDS) expect(await one.write([], [id]), id).to.deep.equal([id]);
  });

  it('reads many users at once, in the requested order, also unknown ones', async () => {
    const users = Array.from({ length: 500 }, user);
    await one.write(
      users.filter((_, i) => i % 2 === 0),
      [],
    );
    const read = await two.read(users);
    expect(read.map(({ gateways }) => gateways.length)).to.deep.equal(users.map((_, i) => (i % 2 === 0 ? 1 : 0)));
    expect(read[1]).to.deep.equal({ gateways: [], left: undefined });
  });

  it('returns when the last gateway released a user, until the user is back', async () => {
    const a = user();
    await Promise.all([one.write([a], []), two.write([a], [])]);
    await one.write([], [a]);
    expect((await one.read([a]))[0]?.left).to.equal(undefined);
    const before = Date.now();
    await two.write([], [a]);
    const [seen] = await one.read([a]);
    expect(seen?.left?.at).to.be.within(before, Date.now());
    expect(seen?.left?.agoMs).to.be.within(0, 1_000);
    expect(await redis.pTTL(keyOf(a))).to.be.within(3_500_000, 3_600_000);
    await one.write([a], []);
    expect((await one.read([a]))[0]?.left).to.equal(undefined);
    expect(await redis.pTTL(keyOf(a))).to.be.within(170_000, 180_000);
  });

  it('ignores entries that were not renewed, and removes them with the next write', async () => {
    const a = user();
    await redis.hSet(keyOf(a), 'gateway-9:dead', String(Date.now() - 180_001));
    expect(await holders(a)).to.deep.equal([]);
    await one.write([a], []);
    expect(await redis.hKeys(keyOf(a))).to.deep.equal(['gateway-1:a']);
  });
});
