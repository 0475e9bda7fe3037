import type { UnreadCount } from '@chat-cluster/contracts';
import {
  askRedis,
  eventually,
  newUser,
  privateServers,
  startTestCluster,
  type TestCluster,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import { change, createGroup, type Device, devicesOf, send } from './group-devices.ts';

/** Badge events of a user per second, on each device. */
const PER_SECOND = 4;
const MEMBERS = 50;

describe('badges of groups on a cluster of two gateways', () => {
  let cluster: TestCluster;
  const devices = devicesOf(() => cluster);

  before(async () => {
    cluster = await startTestCluster({});
  });
  after(() => cluster.stop());
  afterEach(() => devices.closeAll());

  const badge = (device: Device) => device.of<UnreadCount>('unread_count').at(-1)?.count;
  const badgeIs = (device: Device, count: number) => eventually(() => expect(badge(device)).to.equal(count));

  it('fall within 2 s when a member with unread messages is removed, on each gateway', async () => {
    const [owner, member] = [await devices.connect(newUser('owner')), await devices.connect(newUser('member'))];
    const other = await devices.connectElsewhere(member.userId, member.gatewayId);
    const keeper = await devices.connectElsewhere(owner.userId, member.gatewayId);
    const id = (await createGroup(owner, [member.userId])).id as string;
    const kept = (await createGroup(owner, [member.userId])).id as string;
    await send(keeper, kept, 'stays unread');
    for (let n = 0; n < 3; n++) await send(owner, id, `unread ${n}`);
    for (const device of [member, other]) await badgeIs(device, 4);
    // The last message is recounted at about the time of the removal.
    await send(owner, id, 'unread 3');
    const removed = performance.now();
    await change(keeper, id, { type: 'remove', userId: member.userId });
    const fell = await Promise.all(
      [member, other].map(async (device) => {
        await badgeIs(device, 1);
        return performance.now() - removed;
      }),
    );
    for (const ms of fell) expect(ms).to.be.below(2_000);
    await send(owner, id, 'not for the member');
    await send(owner, kept, 'for the member');
    for (const device of [member, other]) {
      await badgeIs(device, 2);
      const seen = device.of<UnreadCount>('unread_count').map(({ count }) => count);
      const first = seen.lastIndexOf(1);
      expect(first, 'a badge without the group').to.be.above(-1);
      expect(Math.max(...seen.slice(first)), 'no later badge counts the group').to.equal(2);
    }
  });

  it('are right after Redis has lost which users are connected', async () => {
    const { redis } = await privateServers();
    const owner = await devices.connect(newUser('owner'));
    const member = await devices.connectElsewhere(newUser('member'), owner.gatewayId);
    const id = (await createGroup(owner, [member.userId])).id as string;
    await send(owner, id, 'before');
    await badgeIs(member, 1);
    await askRedis(
      redis.url,
      'DEL',
      'chat:gateways',
      ...[owner, member].map(({ userId }) => `chat:presence:${userId}`),
    );
    await send(owner, id, 'meanwhile');
    await badgeIs(member, 2);
  });

  it(`are at most ${PER_SECOND} a second in a busy group of ${MEMBERS}, and exact afterwards`, async () => {
    const owner = await devices.connect(newUser('owner'));
    const members = Array.from({ length: MEMBERS - 1 }, (_, n) => newUser(`member${n}`));
    const watching = await Promise.all(members.slice(0, 8).map((userId) => devices.connect(userId)));
    const id = (await createGroup(owner, members)).id as string;
    const at = new Map(watching.map((device) => [device, [] as number[]]));
    for (const [device, times] of at) device.socket.on('unread_count', () => times.push(performance.now()));
    let sent = 0;
    const started = performance.now();
    let late: Promise<Device> | undefined;
    while (performance.now() - started < 4_000) {
      await send(owner, id, `busy ${sent++}`);
      if (sent === 20) late = devices.connect(members[MEMBERS - 2] as string);
    }
    const seconds = (performance.now() - started) / 1_000;
    expect(sent / seconds, 'a group that is busier than the limit').to.be.above(PER_SECOND);
    for (const device of [...watching, (await late) as Device]) await badgeIs(device, sent);
    for (const [device, times] of at) {
      const span = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1_000;
      expect(times.length, device.userId).to.be.at.most(Math.ceil(span * PER_SECOND) + 1);
      expect(times.length, device.userId).to.be.above(1);
    }
  });
});
