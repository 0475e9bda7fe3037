import type { UserId } from '@chat-cluster/contracts';
import { type DirtyBadge, newConversationId, type RecountRequests } from '@chat-cluster/domain';
import {
  consumeLane,
  createRecountRequests,
  laneNumberOf,
  queueServer,
  recountDirtyBadges,
  recountLane,
  streamOf,
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

  /** Without `sweep` no lane is swept, because the sweep would replace a missing wake-up. */
  function requests({ sweep = false } = {}): RecountRequests {
    const made = createRecountRequests([{ client: sweep ? client : withoutSweep(client) }], LANES);
    return bench.own(made, async (requests) => requests.close());
  }

  /** A worker that hands the badges of each run to `recount`. Resolves with a list of all runs so far. */
  async function worker(recount: (badges: DirtyBadge[], laneNumber: number) => Promise<void> = async () => {}) {
    const runs: { laneNumber: number; badges: DirtyBadge[] }[] = [];
    const server = queueServer(await bench.connect('consume'));
    for (let laneNumber = 0; laneNumber < LANES; laneNumber++) {
      const process = () =>
        recountDirtyBadges(client, laneNumber, async (badges) => {
          runs.push({ laneNumber, badges });
          await recount(badges, laneNumber);
        });
      const lane = recountLane(laneNumber);
      const consumer = await consumeLane({ lane, server, logger: bench.logger, processor: { process } });
      bench.own(consumer, (one) => one.close());
    }
    return runs;
  }

  const recounted = (runs: { badges: DirtyBadge[] }[]) => usersOf(runs.flatMap(({ badges }) => badges));

  it('recounts each user in the lane of the user, with the conversation that changed', async () => {
    const runs = await worker();
    const badges = [badge('alice'), badge('bob'), badge('user "ü" 汉字'), badge('alice')];
    await requests().request(badges);
    await eventually(() => {
      const seen = runs.flatMap((run) => run.badges);
      const inOrder = (list: DirtyBadge[]) => list.map(({ conversationId }) => conversationId).sort();
      expect(inOrder(seen)).to.deep.equal(inOrder(badges));
      for (const one of badges) expect(seen).to.deep.include(one);
    });
    for (const run of runs) {
      for (const { userId } of run.badges) expect(laneNumberOf(userId, LANES)).to.equal(run.laneNumber);
    }
  });

  it('coalesces many requests into few runs that include every user', async () => {
    const runs = await worker();
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
    await eventually(() => expect(recounted(runs)).to.deep.equal(names));
    await eventually(async () => expect(await waiting()).to.deep.equal([]));
    expect(runs.length, 'runs for 1,000 requests').to.be.below(50);
  });

  it('recounts in a run that starts after the request, even while another run is in progress', async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const runs = await worker(async () => {
      if (runs.length === 1) await released;
    });
    const queue = requests();
    await queue.request([badge('alice')]);
    await eventually(() => expect(runs).to.have.length(1));
    await Promise.all([queue.request([badge('alice')]), queue.request([badge('alice')])]);
    await queue.request([badge('alice')]);
    release();
    await eventually(() => expect(runs).to.have.length(2));
    expect(runs[1]?.badges).to.have.length(3);
    await eventually(async () => expect(await waiting()).to.deep.equal([]));
    expect(runs).to.have.length(2);
  });

  it('has one run of a lane at a time, with two workers', async () => {
    const lanes = Array.from({ length: LANES }, () => ({ now: 0, most: 0 }));
    const recount = async (_badges: DirtyBadge[], lane: number) => {
      const ran = lanes[lane] ?? { now: 0, most: 0 };
      ran.most = Math.max(ran.most, ++ran.now);
      await new Promise((resolve) => setTimeout(resolve, 3));
      ran.now--;
    };
    const runs = [await worker(recount), await worker(recount)];
    const queue = requests();
    const names = users(20);
    for (let round = 0; round < 30; round++) await Promise.all(names.map((name) => queue.request([badge(name)])));
    await eventually(() => expect(recounted(runs.flat())).to.deep.equal(names));
    await eventually(async () => expect(await waiting()).to.deep.equal([]));
    expect(lanes.map(({ most }) => most)).to.deep.equal([1, 1]);
  });

  it('hands the badges of a run that died to the next run, before later requests', async () => {
    const queue = requests();
    await queue.request([badge('alice')]);
    const lane = laneNumberOf('alice' as UserId, LANES);
    // A process that stops during an outage leaves its badges, like one that dies.
    let faults = 0;
    const stop = new AbortController();
    const recount = async () => {
      if (++faults === 3) stop.abort();
      throw new Error('postgres is away');
    };
    await recountDirtyBadges(client, lane, recount, { signal: stop.signal, logger: bench.logger });
    expect(faults).to.equal(3);
    expect(bench.lines.map(({ text }) => text)).to.deep.equal(['recount: failed, retrying']);
    const meanwhile = users(20).filter((name) => laneNumberOf(name as UserId, LANES) === lane);
    await queue.request(meanwhile.map(badge));
    const runs: string[][] = [];
    await recountDirtyBadges(client, lane, async (badges) => {
      runs.push(usersOf(badges));
    });
    expect(runs).to.deep.equal([['alice'], meanwhile]);
  });

  it('recounts the badges of a failed run, and those whose wake-up was lost, without a further request', async () => {
    const [threw, lost] = [badge('alice'), badge('bob')];
    expect(laneNumberOf(threw.userId, LANES)).to.not.equal(laneNumberOf(lost.userId, LANES));
    let faults = 0;
    const runs = await worker(async (badges) => {
      if (badges[0]?.userId === threw.userId && faults++ === 0) throw new Error('postgres is away');
    });
    const queue = requests({ sweep: true });
    await queue.request([threw]);
    // As after a process that died between adding a badge and waking the lane.
    await client.sAdd(`chat:dirty:${laneNumberOf(lost.userId, LANES)}`, lost.conversationId + lost.userId);
    await eventually(() => expect(runs).to.have.length(3));
    expect(runs.flatMap(({ badges }) => badges)).to.have.deep.members([threw, threw, lost]);
    await eventually(async () => expect(await waiting()).to.deep.equal([]));
  });

  it('recounts again when the process was paused until it had lost its lane', async () => {
    const queue = requests();
    await queue.request([badge('alice')]);
    const lane = laneNumberOf('alice' as UserId, LANES);
    const others: string[][] = [];
    const recountOfAnother = async (badges: DirtyBadge[]) => {
      others.push(usersOf(badges));
    };
    const late = recountDirtyBadges(client, lane, () => recountDirtyBadges(client, lane, recountOfAnother), {
      hold: { held: async () => false },
    });
    await late;
    await recountDirtyBadges(client, lane, recountOfAnother);
    expect(others).to.deep.equal([['alice'], ['alice']]);
    expect(await client.keys('chat:dirty:*')).to.deep.equal([]);
  });

  it('accepts any number of badges in one request', async () => {
    const lane = laneNumberOf('alice' as UserId, LANES);
    const badges = Array.from({ length: 20_000 }, () => badge('alice'));
    await requests().request(badges);
    const counted: DirtyBadge[] = [];
    await recountDirtyBadges(client, lane, async (some) => void counted.push(...some));
    expect(new Set(counted.map(({ conversationId }) => conversationId)).size).to.equal(badges.length);
  });

  it('does nothing for a request without badges', async () => {
    await requests().request([]);
    let runs = 0;
    await recountDirtyBadges(client, 0, async () => {
      runs++;
    });
    expect([runs, await waiting()]).to.deep.equal([0, []]);
  });

  /** Keys that still contain a badge or a wake-up. */
  async function waiting(): Promise<string[]> {
    const dirty = await client.keys('chat:dirty:*');
    const streams = Array.from({ length: LANES }, (_, lane) => streamOf(recountLane(lane)));
    const lengths = await Promise.all(streams.map((stream) => client.xLen(stream)));
    return [...dirty.sort(), ...streams.filter((_, i) => lengths[i])];
  }
});

/** The client, except that the sweep's script does nothing. */
function withoutSweep(client: RedisClient): RedisClient {
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
