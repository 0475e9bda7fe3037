import { setTimeout as delay } from 'node:timers/promises';
import { DeadlineError, withDeadline } from '@chat-cluster/runtime';
import { mapConcurrently } from '@chat-cluster/testkit/lean-client';
import { Api } from './api.ts';
import { ConversationChecker } from './conversation-checker.ts';
import type { Side } from './conversation-state.ts';
import { Device, type DeviceContext } from './device.ts';
import type { Meter } from './meter.ts';
import type { Plan } from './protocol.ts';

/** A conversation of two users of this process. */
export interface Conversation {
  checker: ConversationChecker;
  devices: readonly [Device, Device];
  /** Sides that send: both, or only the second one (fan-in). */
  senders: readonly Side[];
}

export interface Population {
  conversations: Conversation[];
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
  const { url, tls, resend, size } = plan;
  const context: DeviceContext = { url, tls, meter, resend, content: 'x'.repeat(size) };
  const address = sourceAddress(url, plan.connections);
  const device = (user: Plan['users'][number], i: number) =>
    new Device(user, context, address(plan.firstConnection + i));
  const active = plan.users.map(device);
  const idle = plan.idle.map((user, i) => device(user, plan.users.length + i));
  const api = new Api(url, tls);
  const conversations: Conversation[] = [];
  await mapConcurrently(pairs(plan, active), OPEN_AT_ONCE, async ([first, second]) => {
    // The second user sends the request: in a fan-in the first one would exceed the rate limit of a user.
    const id = await api.openConversation(second.token, first.userId, OPEN_MS);
    const checker = new ConversationChecker(id, [first.userId, second.userId], plan.run, meter);
    first.join({ checker, side: 0 });
    second.join({ checker, side: 1 });
    conversations.push({ checker, devices: [first, second], senders: plan.fanIn ? [1] : [0, 1] });
    onOpened();
  });
  return { conversations, active, idle, api };
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
