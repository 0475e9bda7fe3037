import type { Presence, UserId } from '@chat-cluster/contracts';
import { PRESENCE_GRACE_MS } from '@chat-cluster/domain';
import {
  type ClusterPresence,
  connectPubSub,
  connectRedis,
  createPresence,
  disconnectRedis,
  joinGatewayRegistry,
} from '@chat-cluster/redis';
import { askRedis, eventually, newUser, privateServers } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { presenceChannel } from '../src/presence/store.ts';
import { memoryLogger } from './clients.ts';
import { ownRedis } from './own-redis.ts';

/** Short for fast tests. Where gateways must renew a lost lease meanwhile, the tests use that of production. */
const GRACE_MS = 600;

interface Gateway extends ClusterPresence, AsyncDisposable {
  /** Every change that its watchers would receive, in order. */
  changes: Presence[];
  changesOf(userId: UserId): boolean[];
  /** Texts of the lines that it has logged. */
  logged(): string[];
}

let lastGateway = 0;

/** The presence of a gateway, without its sockets. */
async function startGateway(url: string, graceMs: number = GRACE_MS): Promise<Gateway> {
  const { logger, lines } = memoryLogger();
  const cache = await connectRedis(url, 'cache', logger);
  const pubsub = await connectPubSub(url, 'sharded', logger);
  const gateways = await joinGatewayRegistry(cache, `gateway-${++lastGateway}:test`, logger);
  const presence = createPresence({ cache, ...pubsub, gateways, logger, graceMs });
  const changes: Presence[] = [];
  presence.watch.onChange((change) => changes.push(change));
  return {
    ...presence,
    changes,
    logged: () => lines.map(({ text }) => text),
    changesOf: (userId) => changes.filter((change) => change.userId === userId).map(({ online }) => online),
    async [Symbol.asyncDispose]() {
      await presence.stop();
      await gateways.stop();
      await pubsub.close();
      await disconnectRedis(cache);
    },
  };
}

const user = () => newUser('user') as UserId;

describe('presence between gateways', () => {
  let one: Gateway;
  let two: Gateway;
  let three: Gateway;

  before(async () => {
    const { redis } = await privateServers();
    [one, two, three] = [await startGateway(redis.url), await startGateway(redis.url), await startGateway(redis.url)];
  });
  after(async () => {
    for (const gateway of [one, two, three]) await gateway[Symbol.asyncDispose]();
  });

  /** Resolves when a user who left after all earlier ones is reported offline. */
  async function graceOver(): Promise<void> {
    const witness = user();
    await three.watch.watch([witness]);
    two.announcer.hold(witness);
    await eventually(() => expect(three.changesOf(witness)).to.deep.equal([true]));
    two.announcer.release(witness);
    await eventually(() => expect(three.changesOf(witness)).to.deep.equal([true, false]));
  }

  it('reports the presence of users in the requested order, and every change', async () => {
    const [here, there, nowhere] = [user(), user(), user()];
    one.announcer.hold(here);
    two.announcer.hold(there);
    await eventually(async () => {
      expect(await one.watch.watch([nowhere, there, here])).to.deep.equal([
        { userId: nowhere, online: false },
        { userId: there, online: true },
        { userId: here, online: true },
      ]);
    });
    three.announcer.hold(nowhere);
    await eventually(() => expect(one.changesOf(nowhere)).to.deep.equal([true]));
    three.announcer.release(nowhere);
    await eventually(() => expect(one.changesOf(nowhere)).to.deep.equal([true, false]));
    const left = one.changes.at(-1)?.lastSeenAt ?? '';
    expect(Date.now() - Date.parse(left)).to.be.within(GRACE_MS - 50, 10_000);
    expect(await two.watch.watch([nowhere])).to.deep.equal([{ userId: nowhere, online: false, lastSeenAt: left }]);
  });

  it('counts connections and gateways: a user with one left is online', async () => {
    const a = user();
    one.announcer.hold(a);
    one.announcer.hold(a);
    two.announcer.hold(a);
    await eventually(async () => expect((await three.watch.watch([a]))[0]?.online).to.equal(true));
    one.announcer.release(a);
    two.announcer.release(a);
    await graceOver();
    expect(three.changesOf(a)).to.deep.equal([]);
    one.announcer.release(a);
    await eventually(() => expect(three.changesOf(a)).to.deep.equal([false]));
  });

  it('does not flicker when a user drops and returns within the grace, on the same gateway or on another', async () => {
    const [same, other] = [user(), user()];
    one.announcer.hold(same);
    one.announcer.hold(other);
    await eventually(async () =>
      expect((await three.watch.watch([same, other])).map(({ online }) => online)).to.deep.equal([true, true]),
    );
    for (let flap = 0; flap < 5; flap++) {
      const [from, to] = flap % 2 === 0 ? [one, two] : [two, one];
      one.announcer.release(same);
      from.announcer.release(other);
      // A new watcher sees them online as well.
      await eventually(async () => {
        const left = await three.watch.watch([same, other]);
        expect(left.map(({ online }) => online)).to.deep.equal([true, true]);
      });
      expect((await to.watch.watch([other]))[0]?.online).to.equal(true);
      to.watch.unwatch(other);
      one.announcer.hold(same);
      to.announcer.hold(other);
    }
    await graceOver();
    expect([three.changesOf(same), three.changesOf(other)]).to.deep.equal([[], []]);
  });

  it('reports nothing about a user who is no longer watched', async () => {
    const [a, b] = [user(), user()];
    await one.watch.watch([a, b]);
    one.watch.unwatch(a);
    two.announcer.hold(a);
    two.announcer.hold(b);
    await eventually(() => expect(one.changesOf(b)).to.deep.equal([true]));
    expect(one.changesOf(a)).to.deep.equal([]);
    expect((await one.watch.watch([a]))[0]?.online).to.equal(true);
  });

  it('reports that a user has left even when Redis had lost the entry', async () => {
    const a = user();
    one.announcer.hold(a);
    await eventually(async () => expect((await two.watch.watch([a]))[0]?.online).to.equal(true));
    // Announced after the first user: nothing makes the watcher read the first user again.
    const next = user();
    await two.watch.watch([next]);
    one.announcer.hold(next);
    await eventually(() => expect(two.changesOf(next)).to.deep.equal([true]));
    const { redis } = await privateServers();
    expect(await askRedis(redis.url, 'DEL', `chat:presence:${a}`)).to.equal(1);
    one.announcer.release(a);
    await eventually(() => expect(two.changesOf(a)).to.deep.equal([false]));
  });

  it('handles 3,000 users who come and go at once', async () => {
    const users = Array.from({ length: 3_000 }, user);
    await two.watch.watch(users.slice(0, 1_000));
    for (const userId of users) one.announcer.hold(userId);
    await eventually(() => expect(two.changes.filter(({ online }) => online).length).to.be.at.least(1_000));
    for (const userId of users) one.announcer.release(userId);
    await eventually(() => {
      for (const userId of users.slice(0, 1_000)) expect(two.changesOf(userId)).to.deep.equal([true, false]);
    });
    for (const userId of users) two.watch.unwatch(userId);
  });
});

describe('presence and a Redis that fails', () => {
  it('is correct after a wipe, and no user flickered', async () => {
    await using redis = await ownRedis();
    await using one = await startGateway(redis.url, PRESENCE_GRACE_MS);
    await using two = await startGateway(redis.url, PRESENCE_GRACE_MS);
    const [stays, leaves, leavesLater] = [user(), user(), user()];
    for (const userId of [stays, leaves, leavesLater]) two.announcer.hold(userId);
    await eventually(async () =>
      expect((await one.watch.watch([stays, leaves, leavesLater])).map(({ online }) => online)).to.deep.equal([
        true,
        true,
        true,
      ]),
    );
    const raw = await connectRedis(redis.url, 'cache', memoryLogger().logger);
    await raw.flushAll();
    // There is no entry to remove, but the watchers must be notified.
    two.announcer.release(leaves);
    // A read finds no entry now. The other gateway has lost its lease, and announces its users again.
    await raw.sPublish(presenceChannel(stays), '');
    await eventually(async () => expect(await raw.exists(`chat:presence:${stays}`)).to.equal(1));
    await disconnectRedis(raw);
    two.announcer.release(leavesLater);
    await eventually(() => expect(one.changesOf(leaves)).to.deep.equal([false]));
    await eventually(() => expect(one.changesOf(leavesLater)).to.deep.equal([false]));
    expect(one.changesOf(stays)).to.deep.equal([]);
  });

  it('reports connected users that Redis had lost, or could not get, once it has them', async () => {
    await using redis = await ownRedis();
    await using one = await startGateway(redis.url);
    const restored: UserId[] = [];
    one.announcer.onRestored((userIds) => restored.push(...userIds));
    const [lost, late, away] = [user(), user(), user()];
    for (const userId of [lost, away]) one.announcer.hold(userId);
    const keyOf = (userId: UserId) => `chat:presence:${userId}`;
    const isKnown = (userId: UserId) =>
      eventually(async () => expect(await askRedis(redis.url, 'EXISTS', keyOf(userId))).to.equal(1));
    for (const userId of [lost, away]) await isKnown(userId);
    expect(restored).to.deep.equal([]);
    // Not a hash: the entry cannot be written, as in a Redis that does not respond.
    await askRedis(redis.url, 'SET', keyOf(late), 'in the way');
    one.announcer.hold(late);
    one.announcer.release(away);
    await eventually(() => expect(one.logged()).to.include('presence: announcing failed, retrying'));
    await askRedis(redis.url, 'DEL', keyOf(late), keyOf(lost), 'chat:gateways');
    await eventually(() => expect(restored).to.have.members([late, lost]));
  });

  it('stays as it was while Redis is away, and catches up afterwards', async () => {
    await using redis = await ownRedis();
    await using one = await startGateway(redis.url);
    await using two = await startGateway(redis.url);
    const [comes, stays, leaves] = [user(), user(), user()];
    for (const userId of [stays, leaves]) two.announcer.hold(userId);
    await eventually(async () =>
      expect((await one.watch.watch([comes, stays, leaves])).map(({ online }) => online)).to.deep.equal([
        false,
        true,
        true,
      ]),
    );
    await redis.stop();
    two.announcer.hold(comes);
    two.announcer.release(leaves);
    const late = user();
    const waiting = one.watch.watch([late]);
    two.announcer.hold(late);
    await redis.restart();
    await eventually(() => expect([one.changesOf(comes), one.changesOf(leaves)]).to.deep.equal([[true], [false]]));
    const [answer] = await waiting;
    if (!answer?.online) await eventually(() => expect(one.changesOf(late)).to.deep.equal([true]));
    expect(one.changesOf(stays)).to.deep.equal([]);
  });
});
