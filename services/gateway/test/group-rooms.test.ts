import type { Message, MessageChanged, UnreadCount } from '@chat-cluster/contracts';
import { type LocalRedis, startRedis, toolsFolder } from '@chat-cluster/local-cluster';
import {
  eventually,
  newUser,
  readMetrics,
  startTestCluster,
  type TestCluster,
  temporaryFolder,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import { change, codeOf, createGroup, type Device, devicesOf, okOf, send, syncOne } from './group-devices.ts';

describe('a group of 40 members, with a room', () => {
  const folder = temporaryFolder();
  /** No other cluster uses it, because a test stops it. */
  let redis: LocalRedis;
  let cluster: TestCluster;
  let members: [Device, Device][];
  let id: string;
  const devices = devicesOf(() => cluster);
  const owner = () => members[0]?.[0] as Device;

  const startOwnRedis = (port?: number) =>
    startRedis({ dataDir: folder.path, toolsDir: toolsFolder, log: () => {}, port });

  before(async () => {
    redis = await startOwnRedis();
    cluster = await startTestCluster({ redisUrl: redis.url });
    const users = Array.from({ length: 40 }, (_, i) => newUser(`m${i}`));
    members = await devices.pairs(users);
    id = (await createGroup(owner(), users.slice(1))).id;
    for (const device of members.flat()) await ready(device);
  });
  after(async () => {
    devices.closeAll();
    await cluster.stop();
    await redis.stop();
    await folder[Symbol.asyncDispose]();
  });

  /** A device gets `sync_required` when its gateway has joined it to the room. */
  async function ready(device: Device): Promise<void> {
    await eventually(() => expect(device.of('sync_required'), device.userId).to.have.length.above(0));
  }

  const fromSeq = (device: Device, seq: number) => device.seqs(id).filter((one) => one >= seq);

  /** Emits of `new_message` that the worker has published. */
  async function emits(): Promise<number> {
    const workers = cluster.processes.filter(({ name }) => name.startsWith('worker'));
    const metrics = await readMetrics(workers.map(({ adminPort }) => `http://127.0.0.1:${adminPort}`));
    return metrics.get('chat_fanout_published_total{event="new_message"}') ?? 0;
  }

  it('delivers each message by one emit, once to both devices of every member', async () => {
    const before = await emits();
    const sent = [await send(owner(), id, 'one'), await send(members[7]?.[1] as Device, id, 'two')];
    for (const device of members.flat()) {
      await eventually(() => expect(fromSeq(device, sent[0]?.seq ?? 0)).to.deep.equal(sent.map(({ seq }) => seq)));
      const own = device.userId === owner().userId || device.userId === members[7]?.[0].userId;
      await eventually(() => expect(device.of<UnreadCount>('unread_count').at(-1)?.count).to.equal(own ? 1 : 2));
    }
    expect(await emits()).to.equal(before + sent.length);
  });

  it('sends no receipts and no typing', async () => {
    const reader = members[3]?.[0] as Device;
    okOf(await reader.call('read_messages', { conversationId: id }));
    okOf(await reader.call('typing', { conversationId: id, typing: true }));
    const last = await send(owner(), id, 'later');
    for (const device of members.flat()) {
      await eventually(() => expect(device.seqs(id).at(-1)).to.equal(last.seq));
      expect([...device.of('messages_read'), ...device.of('typing')]).to.deep.equal([]);
    }
  });

  it('joins a device that connects later before its first sync is answered', async () => {
    const late = await devices.connect(members[5]?.[0].userId as string);
    const { one } = await syncOne(late, id);
    const sent = await send(owner(), id, 'after the sync');
    expect(one.lastSeq).to.be.below(sent.seq);
    await eventually(() => expect(late.seqs(id)).to.deep.equal([sent.seq]));
    expect(late.of('sync_required')).to.deep.equal([]);
  });

  it('joins a new member on both gateways, and closes the gap by sync_required', async () => {
    const user = newUser('new');
    const first = await devices.connect(user);
    const both = [first, await devices.connectElsewhere(user, first.gatewayId)];
    await change(owner(), id, { type: 'add', userIds: [user] });
    for (const device of both) await ready(device);
    const sent = await send(owner(), id, 'welcome');
    for (const device of both) await eventually(() => expect(device.seqs(id)).to.include(sent.seq));
  });

  it('delivers nothing to a removed member after the entry of the removal, while messages stream', async () => {
    const [first, second] = members[9] as [Device, Device];
    const senders = [members[1]?.[0], members[2]?.[1]] as Device[];
    const streams = senders.map(async (sender) => {
      for (let n = 0; n < 50; n++) await send(sender, id, `${n}`);
    });
    const before = first.seqs(id).length;
    await eventually(() => expect(first.seqs(id).length).to.be.above(before + 10));
    await change(owner(), id, { type: 'remove', userId: first.userId });
    await Promise.all(streams);
    const { one } = await syncOne(owner(), id, 0);
    const removal = one.messages.findLast(({ system }) => system?.type === 'removed')?.seq ?? 0;
    const last = one.lastSeq;
    const witness = members[10]?.[0] as Device;
    await eventually(() => expect(witness.seqs(id).at(-1)).to.equal(last));
    expect(last).to.be.above(removal);
    for (const device of [first, second]) {
      expect(device.seqs(id).filter((seq) => seq > removal)).to.deep.equal([]);
    }
    expect(codeOf(await first.call('send_message', { conversationId: id, content: 'x' }))).to.equal('FORBIDDEN');
  });

  it('coalesces reactions, and shows the number of every change', async () => {
    const text = await send(owner(), id, 'vote');
    const voters = members.slice(10, 30).map(([first]) => first);
    await Promise.all(
      voters.map((voter) => voter.call('set_reaction', { conversationId: id, seq: text.seq, emoji: '👍', on: true })),
    );
    const witness = members[30]?.[1] as Device;
    const changes = () => witness.of<MessageChanged>('message_changed').filter(({ seq }) => seq === text.seq);
    await eventually(() => expect(changes().at(-1)?.reactions).to.deep.equal([{ emoji: '👍', count: 20 }]));
    const revs = changes().flatMap(({ rev, covers = [] }) => [...covers, rev]);
    expect(revs.toSorted((a, b) => a - b)).to.deep.equal(Array.from({ length: 20 }, (_, i) => (revs[0] ?? 0) + i));
    expect(changes().length).to.be.below(20);
    const { one } = await syncOne(voters[0] as Device, id, text.seq, 0);
    const message = one.changed?.find(({ seq }: Message) => seq === text.seq);
    expect(message?.reactions).to.deep.equal([{ emoji: '👍', count: 20, mine: true }]);
  });

  it('has every message, edit and change of members that is accepted after an outage of Redis', async () => {
    const removed = members[12] as [Device, Device];
    const others = members.filter((pair) => pair !== removed && pair[0].userId !== members[9]?.[0].userId);
    const witness = others.at(-1)?.[0] as Device;
    const badge = () => witness.of<UnreadCount>('unread_count').at(-1)?.count ?? 0;
    const { seq: last } = await send(owner(), id, 'before the outage');
    await eventually(() => expect(witness.seqs(id).at(-1)).to.equal(last));
    const unread = (await syncOne(witness, id, last)).ack.unread.count;
    const syncs = new Map(members.flat().map((one) => [one, one.of('sync_required').length]));

    await redis.stop();
    const draft = { conversationId: id, content: 'accepted later', clientMessageId: 'outage' };
    const refused = await owner().call('send_message', draft);
    expect(refused).to.deep.include({ ok: false });
    expect(refused.error).to.include({ retryable: true });
    redis = await startOwnRedis(redis.port);
    const accepted = async <T>(event: string, payload: object): Promise<T> =>
      eventually(async () => okOf<T>(await owner().call(event, payload)));
    const { message } = await accepted<{ message: Message }>('send_message', draft);
    const { seq } = message;
    const edit = { conversationId: id, seq, content: 'edited', changeId: 'edit' };
    await accepted('edit_message', edit);
    const removal = { conversationId: id, change: { type: 'remove', userId: removed[0].userId }, changeId: 'removal' };
    await accepted('change_group', removal);

    // Each gateway has its subscriptions again when its sockets must sync.
    for (const [device, before] of syncs) {
      await eventually(() => expect(device.of('sync_required').length, device.userId).to.be.above(before));
    }
    const live = await send(owner(), id, 'live again');
    for (const device of others.flat()) await eventually(() => expect(device.seqs(id)).to.include(live.seq));
    const { one } = await syncOne(witness, id, last);
    expect(one.messages.map((each) => [each.seq, each.content ?? each.system?.type])).to.deep.equal([
      [seq, 'edited'],
      [seq + 1, 'removed'],
      [live.seq, 'live again'],
    ]);
    await eventually(() => expect(badge()).to.equal(unread + 2));
    for (const device of removed) expect(device.seqs(id).filter((each) => each > seq + 1)).to.deep.equal([]);
  });
});
