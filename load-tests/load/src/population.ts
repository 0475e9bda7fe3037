import { setTimeout as delay } from 'node:timers/promises';
import type { ConversationId } from '@chat-cluster/contracts';
import { DeadlineError, withDeadline } from '@chat-cluster/runtime';
import { mapConcurrently } from '@chat-cluster/testkit/lean-client';
import { Api } from './api.ts';
import { ConversationChecker, type ConversationSide } from './conversation-checker.ts';
import { Device, type DeviceContext } from './device.ts';
import type { Meter } from './meter.ts';
import type { Plan } from './protocol.ts';

/** A participant of a conversation. */
export interface Member extends ConversationSide {
  device: Device;
}

/** A conversation of users of this process. */
export interface Conversation {
  checker: ConversationChecker;
  members: readonly Member[];
  /** Those who send: all, or only the second one (fan-in). */
  senders: readonly Member[];
}

export interface Population {
  conversations: Conversation[];
  /** The conversations of pairs, and those of groups: a list for each size. */
  direct: Conversation[];
  groups: Conversation[][];
  /** Devices with conversations. */
  active: Device[];
  /** Devices that are only connected. */
  idle: Device[];
  api: Api;
}

/** Longest wait until the API has opened a conversation, and until the last device is connected; in ms. */
const OPEN_MS = 30_000;
const CONNECT_MS = 60_000;
/** Conversations that one process opens at a time. */
const OPEN_AT_ONCE = 8;
/** Connections per source address to one server. The kernel has 28,000 ports for them, which are shared with others. */
const CONNECTIONS_PER_ADDRESS = 20_000;

/** Creates the devices of a plan, not yet connected, and opens their conversations. Throws UserError. */
export async function createPopulation(plan: Plan, meter: Meter, onOpened: () => void): Promise<Population> {
  const { url, tls, resend, size, run, fanIn } = plan;
  const withGroups = plan.groups.length > 0 || plan.edits + plan.deletes + plan.reactions > 0;
  const context: DeviceContext = { url, tls, meter, resend, content: 'x'.repeat(size), withGroups };
  const address = sourceAddress(url, plan.connections);
  const device = (user: Plan['users'][number], i: number) =>
    new Device(user, context, address(plan.firstConnection + i));
  const active = plan.users.map(device);
  const idle = plan.idle.map((user, i) => device(user, plan.users.length + i));
  const api = new Api(url, tls);
  const conversation = (id: ConversationId, devices: readonly Device[], isGroup: boolean): Conversation => {
    const userIds = devices.map(({ userId }) => userId);
    // A user is in one group of each size.
    const prefix = isGroup ? `${run}.${devices.length}` : run;
    const checker = new ConversationChecker(id, userIds, prefix, meter, isGroup);
    const members = devices.map((device, side): Member => ({ device, checker, side }));
    for (const member of members) member.device.join(member);
    onOpened();
    return { checker, members, senders: fanIn && !isGroup ? members.slice(1) : members };
  };
  const direct = await mapConcurrently(pairs(plan, active), OPEN_AT_ONCE, async ([first, second]) => {
    // The second user sends the request: in a fan-in the first one would exceed the rate limit of a user.
    const id = await api.openConversation(second.token, first.userId, OPEN_MS);
    return conversation(id, [first, second], false);
  });
  const groups: Conversation[][] = [];
  for (const members of plan.groups) {
    const created = await mapConcurrently(wholeGroups(active, members), OPEN_AT_ONCE, async ([owner, ...others]) => {
      const userIds = others.map(({ userId }) => userId);
      const id = await api.createGroup(owner.token, `${run}-${members}`, userIds, OPEN_MS);
      return conversation(id, [owner, ...others], true);
    });
    groups.push(created);
  }
  return { conversations: [...direct, ...groups.flat()], direct, groups, active, idle, api };
}

/** Groups of `size` devices. Those that remain are in none. */
function wholeGroups(devices: readonly Device[], size: number): [Device, ...Device[]][] {
  return devices.flatMap((owner, i): [Device, ...Device[]][] => {
    const others = devices.slice(i + 1, i + size);
    return i % size === 0 && others.length === size - 1 ? [[owner, ...others]] : [];
  });
}

/**
 * The source address of each of `connections`, by index: 127.0.0.1, 127.0.0.2 … when the target is on this machine and
 * one address has too few ports; otherwise undefined, which leaves the choice to the system.
 */
export function sourceAddress(url: string, connections: number): (index: number) => string | undefined {
  const loopback = /^127(\.\d+){3}$/.test(new URL(url).hostname);
  if (!loopback || connections <= CONNECTIONS_PER_ADDRESS) return () => undefined;
  return (index) => `127.0.0.${1 + Math.floor(index / CONNECTIONS_PER_ADDRESS)}`;
}

function pairs(plan: Plan, devices: readonly Device[]): [Device, Device][] {
  const [receiver, ...others] = devices;
  if (plan.fanIn) return receiver ? others.map((other) => [receiver, other]) : [];
  return devices.flatMap((device, i): [Device, Device][] => {
    const next = devices[i + 1];
    return i % 2 === 0 && next ? [[device, next]] : [];
  });
}

/** Connects the devices at a rate. Resolves when all are in sync; rejects with the last failure. */
export async function connectAll(devices: readonly Device[], perSecond: number): Promise<void> {
  const start = performance.now();
  let failure = 'no answer';
  const all = devices.map(async (device, i) => {
    const wait = start + (i * 1_000) / perSecond - performance.now();
    if (wait > 0) await delay(wait);
    await device.whenConnected((reason) => {
      failure = reason;
    });
  });
  const longest = (devices.length * 1_000) / perSecond + CONNECT_MS;
  await withDeadline(Promise.all(all), longest, 'connect').catch((error: Error) => {
    throw error instanceof DeadlineError ? new Error(failure) : error;
  });
}
