import type { UserId } from '@chat-cluster/contracts';
import { createEphemeralEmitter, createFanout, type PubSub, type PubSubKind } from '@chat-cluster/redis';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { memoryLogger, newClients } from './clients.ts';
import { newUser, PECULIAR_IDS } from './emitted.ts';
import { type Device, type Gateway, startGateway } from './gateways.ts';

/** Two gateways and a worker on the pub/sub of a test. */
class Stage {
  readonly one: Gateway;
  readonly two: Gateway;
  readonly fanout: ReturnType<typeof createFanout>;
  readonly ephemeral: ReturnType<typeof createEphemeralEmitter>;

  constructor(one: Gateway, two: Gateway, { publisher }: PubSub) {
    this.one = one;
    this.two = two;
    this.fanout = createFanout(publisher, memoryLogger().logger);
    this.ephemeral = createEphemeralEmitter(publisher);
  }

  static async start(pubsub: () => Promise<PubSub>): Promise<Stage> {
    return new Stage(await startGateway(await pubsub()), await startGateway(await pubsub()), await pubsub());
  }

  /** Emits one event to each user. */
  async badges(users: readonly UserId[]): Promise<void> {
    await this.fanout.unreadCounts(users.map((userId, count) => ({ userId, unread: { count } })));
  }

  async close(): Promise<void> {
    await Promise.all([this.one.close(), this.two.close()]);
  }
}

/** A device of the user, subscribed as by a gateway. */
async function deviceOf(gateway: Gateway, user: UserId): Promise<Device> {
  const device = await gateway.device();
  await device.socket.join(user);
  await gateway.subscribed(user);
  return device;
}

const badge = (count: number) => ['unread_count', { count }];

for (const kind of ['sharded', 'classic'] satisfies PubSubKind[]) {
  describe(`the names of rooms with the ${kind} adapter`, () => {
    const clients = newClients();
    let stage: Stage;

    before(async () => {
      stage = await Stage.start(() => clients.pubsub(undefined, kind));
    });
    after(async () => {
      await stage.close();
      await clients.close();
    });

    it('include no socket id: an emit to a user of that name reaches only this user', async () => {
      const { one, two } = stage;
      const otherUser = newUser('other');
      const other = await deviceOf(one, otherUser);
      const user = other.socket.id as UserId;
      // On the gateway of the other connection too: there it must subscribe.
      const devices = [await deviceOf(one, user), await deviceOf(two, user)];
      await stage.badges([user, otherUser]);
      await eventually(() => {
        for (const { events } of devices) expect(events).to.deep.equal([badge(0)]);
        expect(other.events.at(-1)).to.deep.equal(badge(1));
      });
      expect(other.events).to.deep.equal([badge(1)]);
    });

    it('include no socket id: a socket whose id is the id of a connected user gets nothing of the user', async () => {
      const { one, two } = stage;
      const user = newUser('user');
      const devices = [await deviceOf(one, user), await deviceOf(two, user)];
      const others = [await one.device('websocket', user), await two.device('websocket', user)];
      for (const { socket } of others) expect(socket.id).to.equal(user);
      await stage.badges([user]);
      // Its end does not end the user's subscription.
      for (const { socket } of others) socket.disconnect(true);
      await stage.badges([user]);
      await eventually(() => {
        for (const { events } of devices) expect(events).to.deep.equal([badge(0), badge(0)]);
      });
      for (const { events } of others) expect(events).to.deep.equal([]);
    });

    it('may be the id of the own socket', async () => {
      const device = await stage.one.device();
      const user = device.socket.id as UserId;
      await device.socket.join(user);
      await stage.one.subscribed(user);
      await stage.badges([user]);
      await eventually(() => expect(device.events).to.deep.equal([badge(0)]));
    });

    it('may be the id of an adapter, which has channels of its own', async () => {
      const { uid } = stage.one.io.of('/').adapter as unknown as { uid: string };
      const user = uid as UserId;
      const devices = [await deviceOf(stage.one, user), await deviceOf(stage.two, user)];
      stage.ephemeral.emit('typing', user, { typing: true });
      await eventually(() => {
        for (const { events } of devices) expect(events).to.deep.equal([['typing', { typing: true }]]);
      });
    });

    it('may contain any character, and differ whenever the ids of users differ', async () => {
      const pairs: Device[][] = [];
      for (const user of PECULIAR_IDS) pairs.push([await deviceOf(stage.one, user), await deviceOf(stage.two, user)]);
      await stage.badges(PECULIAR_IDS);
      await stage.badges(PECULIAR_IDS);
      await eventually(() => {
        for (const [i, pair] of pairs.entries()) {
          for (const { events } of pair) expect(events, PECULIAR_IDS[i]).to.deep.equal([badge(i), badge(i)]);
        }
      });
    });
  });
}
