import type { UserId } from '@chat-cluster/contracts';
import { type DirtyBadge, newConversationId, type RecountRequests } from '@chat-cluster/domain';
import {
  consumeLane,
  createRecountRequests,
  laneOf,
  queueServer,
  recountQueue,
  streamOf,
  takeDirty,
} from '@chat-cluster/queue';
import type { RedisClient } from '@chat-cluster/redis';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type Bench, newBench } from './bench.ts';

const LANES = 2;

const badge = (user: string): DirtyBadge => ({ userId: user as UserId, conversationId: newConversationId() });
const usersOf = (badges: readonly DirtyBadge[]) => [...new Set(badges.map(({ userId }) => userId as string))].sort();
const users = (count: number) => Array.from({ length: count }, (_, i) => `user-${i}`).sort();

describe('recount requests', () => {
  let bench: Bench;
  let client: RedisClient;

  beforeEach(async () => {
    bench = await newBench();
    client = await bench.connect('consume');
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  /** Without the sweep, unless said: it would make up for a wake-up that is missing. */
  function requests({ sweep = false } = {}): RecountRequests {
    const made = createRecountRequests([{ client: sweep ? client : blind(client) }], LANES);
    return bench.own(made, async (requests) => requests.close());
  }

  /** A worker that hands each share to `recount`; resolves with all shares so far. */
  async function worker(recount: (share: DirtyBadge[], lane: number) => Promise<void> = async () => {}) {
    const shares: { lane: number; badges: DirtyBadge[] }[] = [];
    const server = queueServer(await bench.connect('consume'));
    for (let lane = 0; lane < LANES; lane++) {
      const process = () =>
        takeDirty(client, lane, async (badges) => {
          shares.push({ lane, badges });
          await recount(badges, lane);
        });
      const consumer = await consumeLane({ queue: recountQueue(lane), server, logger: bench.logger, process });
      bench.own(consumer, (lane) => lane.close());
    }
    return shares;
  }

  const recounted = (shares: { badges: DirtyBadge[] }[]) => usersOf(shares.flatMap(({ badges }) => badges));

  it('recounts each user in the lane of the user, with the conversation that changed', async () => {
    const shares = await worker();
    const badges = [badge('alice'), badge('bob'), badge('user "ü" 汉字'), badge('alice')];
    await requests().request(badges);
    await eventually(() => {
      const seen = shares.flatMap((share) => share.badges);
      const inOrder = (list: DirtyBadge[]) => list.map(({ conversationId }) => conversationId).sort();
      expect(inOrder(seen)).to.deep.equal(inOrder(badges));
      for (const one of badges) expect(seen).to.deep.include(one);
    });
    for (const { lane, badges: share } of shares) {
      for (const { userId } of share) expect(laneOf(userId, LANES)).to.equal(lane);
    }
  });

  it('coalesces: many requests are few runs, and nobody is left out', async () => {
    const shares = await worker();
    const queue = requests();
    const names = users(40);
    const conversations = names.map(() => newConversationId());
    for (let round = 0; round < 25; round++) {
      await Promise.all(
        names.map((name, i) =>
          queue.request([{ userId: name as UserId, conversationId: conversations[i] ?? newConversationId() }]),
        ),
      );
    }
    await eventually(() => expect(recounted(shares)).to.deep.equal(names));
    await eventually(async () => expect(await waiting()).to.deep.equal([]));
    expect(shares.length, 'runs for 1,000 requests').to.be.below(50);
  });

  it('recounts by a run that starts after the request, also when one is under way', async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let runs = 0;
    const shares = await worker(async () => {
      if (++runs === 1) await released;
    });
    const queue = requests();
    await queue.request([badge('alice')]);
    await eventually(() => expect(runs).to.equal(1));
    await Promise.all([queue.request([badge('alice')]), queue.request([badge('alice')])]);
    await queue.request([badge('alice')]);
    release();
    await eventually(() => expect(runs).to.equal(2));
    expect(shares[1]?.badges).to.have.length(3);
    await eventually(async () => expect(await waiting()).to.deep.equal([]));
    expect(runs).to.equal(2);
  });

  it('does not run twice at a time for one lane, with two workers', async () => {
    const lanes = Array.from({ length: LANES }, () => ({ now: 0, most: 0 }));
    const recount = async (_badges: DirtyBadge[], lane: number) => {
      const ran = lanes[lane] ?? { now: 0, most: 0 };
      ran.most = Math.max(ran.most, ++ran.now);
      await new Promise((resolve) => setTimeout(resolve, 3));
      ran.now--;
    };
    const shares = [await worker(recount), await worker(recount)];
    const queue = requests();
    const names = users(20);
    for (let round = 0; round < 30; round++) await Promise.all(names.map((name) => queue.request([badge(name)])));
    await eventually(() => expect(recounted(shares.flat())).to.deep.equal(names));
    await eventually(async () => expect(await waiting()).to.deep.equal([]));
    expect(lanes.map(({ most }) => most)).to.deep.equal([1, 1]);
  });

  it('hands the share of a run that died to the next, before what came meanwhile', async () => {
    const queue = requests();
    await queue.request([badge('alice')]);
    const lane = laneOf('alice' as UserId, LANES);
    // A process that stops in an outage leaves its share, as one does that dies.
    let faults = 0;
    const stop = new AbortController();
    const recount = async () => {
      if (++faults === 3) stop.abort();
      throw new Error('postgres is away');
    };
    await takeDirty(client, lane, recount, { signal: stop.signal, logger: bench.logger });
    expect(faults).to.equal(3);
    expect(bench.lines.map(({ text }) => text)).to.deep.equal(['recount: failed, trying again in place']);
    const meanwhile = users(20).filter((name) => laneOf(name as UserId, LANES) === lane);
    await queue.request(meanwhile.map(badge));
    const shares: string[][] = [];
    await takeDirty(client, lane, async (badges) => {
      shares.push(usersOf(badges));
    });
    expect(shares).to.deep.equal([['alice'], meanwhile]);
  });

  it('recounts without a further request the share of a run that threw, and one whose wake-up was lost', async () => {
    const [threw, lost] = [badge('alice'), badge('bob')];
    expect(laneOf(threw.userId, LANES)).to.not.equal(laneOf(lost.userId, LANES));
    let faults = 0;
    const shares = await worker(async (badges) => {
      if (badges[0]?.userId === threw.userId && faults++ === 0) throw new Error('postgres is away');
    });
    const queue = requests({ sweep: true });
    await queue.request([threw]);
    // What a process leaves that died between noting a badge and waking the lane.
    await client.sAdd(`chat:dirty:${laneOf(lost.userId, LANES)}`, lost.conversationId + lost.userId);
    await eventually(() => expect(shares).to.have.length(3));
    expect(shares.flatMap(({ badges }) => badges)).to.have.deep.members([threw, threw, lost]);
    await eventually(async () => expect(await waiting()).to.deep.equal([]));
  });

  it('has counted again what a process tells that was paused for longer than it held its lane', async () => {
    const queue = requests();
    await queue.request([badge('alice')]);
    const lane = laneOf('alice' as UserId, LANES);
    const others: string[][] = [];
    const recountOfAnother = async (badges: DirtyBadge[]) => {
      others.push(usersOf(badges));
    };
    const late = takeDirty(client, lane, () => takeDirty(client, lane, recountOfAnother), {
      hold: { held: async () => false },
    });
    await late;
    await takeDirty(client, lane, recountOfAnother);
    expect(others).to.deep.equal([['alice'], ['alice']]);
    expect(await client.keys('chat:dirty:*')).to.deep.equal([]);
  });

  it('has nothing to do for nobody', async () => {
    await requests().request([]);
    let runs = 0;
    await takeDirty(client, 0, async () => {
      runs++;
    });
    expect([runs, await waiting()]).to.deep.equal([0, []]);
  });

  /** What still holds a badge, or a wake-up. */
  async function waiting(): Promise<string[]> {
    const dirty = await client.keys('chat:dirty:*');
    const streams = Array.from({ length: LANES }, (_, lane) => streamOf(recountQueue(lane)));
    const lengths = await Promise.all(streams.map((stream) => client.xLen(stream)));
    return [...dirty.sort(), ...streams.filter((_, i) => lengths[i])];
  }
});

/** The client, for which the sweep's script finds nobody. */
function blind(client: RedisClient): RedisClient {
  return new Proxy(client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'eval') {
        return (script: string, options: never) => (script.includes('XLEN') ? null : target.eval(script, options));
      }
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
