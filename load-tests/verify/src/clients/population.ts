import { setTimeout as delay } from 'node:timers/promises';
import {
  eventually,
  type GroupChangeAttempt,
  newUser,
  openConversation,
  type Random,
  type Target,
} from '@chat-cluster/testkit';
import type { Device } from './device.ts';
import { createGroups, type Group } from './groups.ts';
import { LibraryDevice } from './library-device.ts';
import { StockDevice } from './stock-device.ts';
import type { TokenIssuer } from './token-issuer.ts';
import type { Conversation, User } from './users.ts';

/** `mixed`: one user of each pair has library devices, the other one stock devices. */
export const CLIENTS = ['library', 'stock', 'mixed'] as const;
export type Clients = (typeof CLIENTS)[number];

export interface Population {
  users: User[];
  /** Direct ones and groups. */
  conversations: Conversation[];
  groups: Group[];
  /** What created the groups. */
  groupChanges: GroupChangeAttempt[];
  devices: Device[];
  /** Issues the tokens of all devices. */
  issuer: TokenIssuer;
}

export interface PopulationOptions {
  /** Pairs of users. */
  pairs: number;
  /** Every n-th user has a second device, on another gateway. */
  secondDeviceEvery: number;
  /** Every n-th user uses long-polling. Undefined: none. */
  pollingEvery?: number | undefined;
  clients: Clients;
  /** Numbers of members of groups. Their members with devices are users of library devices. */
  groupSizes: readonly number[];
  issuer: TokenIssuer;
  now(): number;
  random: Random;
}

/** Time until all devices must be connected and in sync before the fault, in ms. */
const READY_TIMEOUT_MS = 20_000;

/**
 * Creates new users in pairs and connects their devices. Each pair has a conversation, and every fourth pair has one
 * with the next pair too, so that a badge is the sum of several counters. With groups, each user has two devices.
 */
export async function populate(target: Target, options: PopulationOptions): Promise<Population> {
  const { pairs, secondDeviceEvery, pollingEvery, clients, groupSizes, issuer, now, random } = options;
  const users = Array.from({ length: pairs * 2 }, (_, i): User => {
    return { id: newUser(`u${i}`), devices: [], conversations: [] };
  });
  const direct = await Promise.all(partners(users).map((pair) => startConversation(target, pair)));
  const hasLibrary = (user: User) => isLibrary(clients, users.indexOf(user));
  const candidates = users.filter(hasLibrary);
  const { groups, changes: groupChanges } = await createGroups(target, { candidates, sizes: groupSizes, now });
  for (const group of groups) for (const user of group.users) user.conversations.push(group);
  const addDevice = (user: User) => {
    const index = users.indexOf(user);
    const DeviceOf = hasLibrary(user) ? LibraryDevice : StockDevice;
    const mayJoin = groups.filter((group) => group.candidates.includes(user)).map(({ id }) => id);
    const device = new DeviceOf({
      id: `${user.id}/${user.devices.length + 1}`,
      userId: user.id,
      conversations: user.conversations.map(({ id }) => id),
      groups: groups.length > 0 ? mayJoin : undefined,
      target,
      issuer,
      polls: pollingEvery !== undefined && index % pollingEvery === 1,
      now,
      random,
    });
    user.devices.push(device);
  };
  users.forEach(addDevice);
  await allInSync(users);
  const withTwo = users.filter((_, i) => groups.length > 0 || i % secondDeviceEvery === 0);
  withTwo.forEach(addDevice);
  await allInSync(users);
  await Promise.all(withTwo.map(separateDevices));
  const devices = users.flatMap(({ devices }) => devices);
  return { users, conversations: [...direct, ...groups], groups, groupChanges, devices, issuer };
}

/** In a mixed population, the first user of every other pair, so that second devices are of both kinds too. */
function isLibrary(clients: Clients, index: number): boolean {
  if (clients !== 'mixed') return clients === 'library';
  return index % 2 === Math.floor(index / 2) % 2;
}

/** The two users of each conversation. */
function partners(users: readonly User[]): [User, User][] {
  const at = (i: number) => users[i % users.length] as User;
  const pairs = Array.from({ length: users.length / 2 }, (_, i): [User, User] => [at(2 * i), at(2 * i + 1)]);
  for (let i = 0; i < users.length / 2 - 1; i += 4) pairs.push([at(2 * i), at(2 * i + 3)]);
  return pairs;
}

async function startConversation(target: Target, users: [User, User]): Promise<Conversation> {
  const [first, second] = users;
  // Repeated, because a gateway may be unavailable just after a start or a fault.
  const id = await eventually(() => openConversation(target, first.id, second.id), READY_TIMEOUT_MS);
  const conversation = { id, users };
  first.conversations.push(conversation);
  second.conversations.push(conversation);
  return conversation;
}

async function allInSync(users: readonly User[]): Promise<void> {
  await eventually(() => {
    const missing = users.flatMap(({ devices }) => devices).filter((device) => !device.inSync);
    if (missing.length > 0) throw new Error(`${missing.length} devices are not connected and in sync before the fault`);
  }, READY_TIMEOUT_MS);
}

/** Reconnects the second device until the two have different gateways. Gives up when there is only one gateway. */
async function separateDevices({ devices: [first, second] }: User): Promise<void> {
  for (let tries = 0; tries < 10 && first && second && first.gateway === second.gateway; tries++) {
    second.reconnect();
    for (let waits = 0; waits < 100 && !second.inSync; waits++) await delay(20);
  }
}
