import { setTimeout as delay } from 'node:timers/promises';
import { LIMITS } from '@chat-cluster/contracts';
import { wholeNumber, wholeNumbers } from '@chat-cluster/runtime';
import { readMetrics } from '@chat-cluster/testkit';
import { z } from 'zod';
import type { RunningArm } from '../../arms/arm.ts';
import { type OurOptions, type RunningOurs, type Service, startOurs } from '../../arms/ours.ts';
import { type StockOptions, startGroupRelay } from '../../arms/stock.ts';
import { startUnderLoad } from '../../arms/under-load.ts';
import { createGroup } from '../../arms/users.ts';
import type { Log } from '../../experiment.ts';
import type { Outcome } from '../../traffic/run.ts';
import type { Sample as ArmSample } from '../compare/measure.ts';

export const GROUPS_OPTIONS = z.object({
  members: wholeNumber(LIMITS.smallGroup + 1, 1_000)
    .default(500)
    .describe('members of the group, each with one device'),
  gateways: wholeNumber(1).default(4).describe('gateway processes'),
  rates: wholeNumbers(1).default([40]).describe('open loop: messages a second by the clock'),
  inFlight: wholeNumbers(1).default([5, 50]).describe('closed loop: messages in flight at any time'),
  rounds: wholeNumber(1).default(3).describe('rounds; the order of the arms changes with each'),
  seconds: wholeNumber(1).default(5).describe('measured time of each run'),
  warmUp: wholeNumber(1).default(5).describe('seconds of traffic after each start'),
  size: wholeNumber(1).default(100).describe('characters of a message'),
});
export type GroupsOptions = z.output<typeof GROUPS_OPTIONS>;

/** Our cluster, and a stock Socket.IO relay with each of its Redis adapters. */
export const ARMS = ['ours', 'classic relay', 'sharded relay'] as const;
type Arm = (typeof ARMS)[number];

/** One load of one arm in one round. Of rate and number in flight one is 0. */
export interface Sample extends ArmSample {
  arm: Arm;
  /** Absent for the relays. */
  emits?: Emits;
}

/**
 * What our workers publish to the gateways: emits per acknowledged message, and badges per second and member, without the
 * first badge, which may begin the time.
 */
export interface Emits {
  perMessage: number;
  badges: number;
}

/** Wait after the last connect, in ms: longer than it takes a gateway to join a socket to the room of the group. */
const SETTLE_MS = 1_000;
/** Unmeasured time at the start of each run, in seconds. */
const RAMP_SECONDS = 1;
/** Messages in flight during the warm-up. */
const WARM_UP_IN_FLIGHT = 20;

/** Measures one group of our cluster, and one room of each relay with as many users, in turn on new servers. */
export async function measureGroups(options: GroupsOptions, log: Log): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const turn = round % ARMS.length;
    for (const arm of [...ARMS.slice(turn), ...ARMS.slice(0, turn)]) {
      for await (const sample of runLoads(arm, options, log)) {
        samples.push({ arm, round, ...sample });
        const { rate, inFlight, outcome } = sample;
        const load = rate > 0 ? `${rate} a second` : `${inFlight} in flight`;
        log(`round ${round + 1}, ${arm}, ${load}: ${outcome.deliveredPerSecond.toFixed(1)} messages a second`);
      }
    }
  }
  return samples;
}

async function* runLoads(arm: Arm, options: GroupsOptions, log: Log) {
  const { members, gateways, rates, inFlight, seconds, warmUp, size } = options;
  const start = arm === 'ours' ? startOurGroup : startRoom;
  const env = { REDIS_ADAPTER: arm === 'classic relay' ? 'classic' : 'sharded' };
  const plan = { pairs: 0, idle: members, gateways, env, log };
  await using loaded = await startUnderLoad<GroupArm, OurOptions>(start, plan);
  await delay(SETTLE_MS);
  await loaded.run({ inFlight: WARM_UP_IN_FLIGHT, seconds: warmUp, size });
  const open = rates.map((rate) => ({ rate, inFlight: 0 }));
  for (const load of [...open, ...inFlight.map((count) => ({ rate: 0, inFlight: count }))]) {
    const before = await emitsOf(loaded.arm);
    const outcome = await loaded.run({ ...load, warmUpSeconds: RAMP_SECONDS, seconds, size });
    const after = await emitsOf(loaded.arm);
    if (outcome.died !== undefined) throw new Error(outcome.died);
    const emits = before && after && emitsPer(before, after, outcome, members);
    yield { ...load, outcome: { ...outcome, timeline: [] }, ...(emits && { emits }) };
  }
}

type EmitsSoFar = NonNullable<Awaited<ReturnType<typeof emitsOf>>>;

/** Emits of our workers so far, and the time in s. */
async function emitsOf({ workers }: GroupArm) {
  if (!workers) return undefined;
  const metrics = await readMetrics(workers.map(({ adminUrl }) => adminUrl));
  const of = (event: string) => metrics.get(`chat_fanout_published_total{event="${event}"}`) ?? 0;
  return { messages: of('new_message'), badges: of('unread_count'), at: performance.now() / 1_000 };
}

function emitsPer(before: EmitsSoFar, after: EmitsSoFar, { sent, refused, lost }: Outcome, members: number): Emits {
  return {
    perMessage: (after.messages - before.messages) / (sent - refused - lost),
    badges: ((after.badges - before.badges) / members - 1) / (after.at - before.at),
  };
}

/** `workers`: those of our cluster; a relay has none. */
type GroupArm = RunningArm & { workers?: Service[] };

async function startRoom(options: StockOptions, undo: AsyncDisposableStack): Promise<RunningArm> {
  return inOneGroup(await startGroupRelay(options, undo), 'group');
}

/** Our cluster, whose idle users are the members of one group. */
export async function startOurGroup(options: OurOptions, undo: AsyncDisposableStack): Promise<RunningOurs> {
  const arm = await startOurs(options, undo);
  const { gateways, jwtSecret, idle } = arm;
  const users = idle.map(({ user }) => user);
  return inOneGroup(arm, await createGroup({ url: gateways[0]?.url ?? '', jwtSecret }, users));
}

/** Makes the idle users, who are spread over the gateways, the members of one group. */
function inOneGroup<A extends RunningArm>(arm: A, conversationId: string): A {
  const { idle: devices } = arm;
  return { ...arm, conversations: [{ conversationId, devices }], devicesPerMessage: devices.length, idle: [] };
}
