import { sourceAddress } from './addresses.ts';
import { Api } from './api.ts';
import { Device } from './device.ts';
import { Ledger } from './ledger.ts';
import type { Meter } from './meter.ts';
import type { Plan } from './protocol.ts';
import type { Surroundings } from './surroundings.ts';

/** A conversation of two users of this process. */
export interface Talk {
  ledger: Ledger;
  devices: readonly [Device, Device];
  /** Who sends: either, or only the second (to the one that all write to). */
  senders: readonly (0 | 1)[];
}

export interface Population {
  talks: Talk[];
  /** With conversations, and idle ones. */
  talking: Device[];
  idle: Device[];
  api: Api;
}

/** Until the API has opened a conversation, and until a device is connected. */
const OPEN_MS = 30_000;
const CONNECT_MS = 60_000;
/** Conversations opened at a time, by one process. */
const AT_ONCE = 8;

/** The users of a plan, in conversations, not connected yet. `onOpened` hears of each conversation. Throws UserError. */
export async function settleIn(plan: Plan, meter: Meter, onOpened: () => void): Promise<Population> {
  const { url, tls, resend, size } = plan;
  const around: Surroundings = { url, tls, meter, resend, content: 'x'.repeat(size) };
  const address = sourceAddress(url, plan.connections);
  const device = (user: Plan['users'][number], i: number) =>
    new Device(user, around, address(plan.firstConnection + i));
  const talking = plan.users.map(device);
  const idle = plan.idle.map((user, i) => device(user, plan.users.length + i));
  const api = new Api(url, tls);
  const talks: Talk[] = [];
  await inParallel(AT_ONCE, pairs(plan, talking), async ([first, second]) => {
    // The second one asks: in a fan-in the first would meet the limit of requests a user may make.
    const id = await api.openConversation(second.token, first.userId, OPEN_MS);
    const ledger = new Ledger(id, [first.userId, second.userId], plan.run, meter);
    first.seats.set(id, { ledger, side: 0 });
    second.seats.set(id, { ledger, side: 1 });
    talks.push({ ledger, devices: [first, second], senders: plan.fanIn ? [1] : [0, 1] });
    onOpened();
  });
  return { talks, talking, idle, api };
}

function pairs(plan: Plan, devices: readonly Device[]): [Device, Device][] {
  const [hub, ...others] = devices;
  if (plan.fanIn) return hub ? others.map((other) => [hub, other]) : [];
  return devices.flatMap((device, i): [Device, Device][] => {
    const next = devices[i + 1];
    return i % 2 === 0 && next ? [[device, next]] : [];
  });
}

/** Connects everybody by the clock, and resolves when all are connected and in sync. Throws an error that tells why not. */
export async function connectAll(devices: readonly Device[], perSecond: number): Promise<void> {
  const start = performance.now();
  let why = 'no answer';
  const all = devices.map(async (device, i) => {
    const wait = start + (i * 1_000) / perSecond - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    await device.connect((reason) => {
      why = reason;
    });
  });
  const longest = (devices.length * 1_000) / perSecond + CONNECT_MS;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(why)), longest);
  });
  await Promise.race([Promise.all(all), late]).finally(() => clearTimeout(timer));
}

/** Calls `act` for each item, so many at a time, in order of the items. */
export async function inParallel<T>(
  atOnce: number,
  items: readonly T[],
  act: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lanes = Array.from({ length: atOnce }, async () => {
    while (next < items.length) await act(items[next++] as T);
  });
  await Promise.all(lanes);
}
