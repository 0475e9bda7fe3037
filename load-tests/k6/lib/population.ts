import type { Plan } from './plans.ts';
import type { Settings } from './settings.ts';

/** A conversation of the run: of two users, or a group. The first user opens it. */
export interface ConversationSpec {
  users: readonly [string, ...string[]];
  isGroup: boolean;
  /** Indexes of the users who send. */
  senders: readonly number[];
}

/** The result of `setup`. k6 copies it to every VU, so it is small: ids in the order of `conversationSpecs`. */
export interface SetupData {
  runId: string;
  /** Unix time in ms. */
  startedAt: number;
  conversationIds: string[];
}

/** The part of a VU in the run. */
export type Part = ReturnType<typeof partOf>;

/** Time from the last connect to the first message, in ms. */
const SETTLE_MS = 1000;

/** Number of VUs: each has as many whole units (a pair, a receiver with all its senders, or a group) as fit. */
export function vuCount(plan: Plan, settings: Settings): number {
  return Math.ceil(unitCount(plan, settings) / unitsPerVu(plan, settings));
}

/** Number of sockets of the whole run. */
export function socketCount(plan: Plan, settings: Settings): number {
  return unitCount(plan, settings) * socketsPerUnit(plan, settings);
}

/** Time from the start to the first message, in ms: all sockets connect in it, at `connectRate`. */
export function connectMs(plan: Plan, settings: Settings): number {
  return (socketCount(plan, settings) / settings.CONNECT_RATE) * 1000 + SETTLE_MS;
}

/** All conversations of the run, unit by unit. Users are new in every run, so that `seq` begins at 1. */
export function conversationSpecs(plan: Plan, settings: Settings, runId: string): ConversationSpec[] {
  const specs: ConversationSpec[] = [];
  for (let unit = 0; unit < unitCount(plan, settings); unit++) {
    const user = (name: string | number) => `${runId}-${unit}${name}`;
    if (plan.shape === 'pairs') specs.push({ users: [user('a'), user('b')], senders: [0, 1], isGroup: false });
    else if (plan.shape === 'groups') {
      const others = Array.from({ length: settings.MEMBERS - 1 }, (_, i) => user(`m${i + 1}`));
      specs.push({ users: [user('m0'), ...others], senders: [0, ...others.map((_, i) => i + 1)], isGroup: true });
    } else
      for (let sender = 0; sender < settings.SENDERS; sender++)
        specs.push({ users: [user(`s${sender}`), user('r')], senders: [0], isGroup: false });
  }
  return specs;
}

/** `vu` counts from 0. */
export function partOf(plan: Plan, settings: Settings, { runId, startedAt, conversationIds }: SetupData, vu: number) {
  const perUnit = plan.shape === 'fan-in' ? settings.SENDERS : 1;
  const perVu = perUnit * unitsPerVu(plan, settings);
  const specs = conversationSpecs(plan, settings, runId);
  const conversations = specs.slice(vu * perVu, (vu + 1) * perVu).map(({ users, senders }, i) => {
    return { id: conversationIds[vu * perVu + i] || '', users, senders };
  });
  return {
    ...{ runId, vu, startedAt, conversations },
    vus: vuCount(plan, settings),
    connectMs: connectMs(plan, settings),
    /** Its share of the rate. */
    share: conversations.length / specs.length,
  };
}

function unitCount({ shape }: Plan, { PAIRS, RECEIVERS, GROUPS }: Settings): number {
  return { pairs: PAIRS, 'fan-in': RECEIVERS, groups: GROUPS }[shape];
}

function socketsPerUnit({ shape }: Plan, { DEVICES, SENDERS, MEMBERS }: Settings): number {
  return DEVICES * { pairs: 2, 'fan-in': SENDERS + 1, groups: MEMBERS }[shape];
}

/** A unit is never split over VUs, even where it is larger than `socketsPerVu`. */
function unitsPerVu(plan: Plan, settings: Settings): number {
  return Math.max(1, Math.floor(settings.SOCKETS_PER_VU / socketsPerUnit(plan, settings)));
}
