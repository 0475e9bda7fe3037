import { setTimeout as delay } from 'node:timers/promises';
import { eventually, newUser, openConversation, type Random, type Target } from '@chat-cluster/testkit';
import { Device } from './device.ts';

export interface Conversation {
  id: string;
  users: [User, User];
}

export interface User {
  id: string;
  devices: Device[];
  conversations: Conversation[];
}

export interface Population {
  users: User[];
  conversations: Conversation[];
  devices: Device[];
}

/**
 * Fresh users in pairs, connected: each pair has a conversation, every fourth pair one with the next pair too (so that
 * badges sum up), and every so many users a second device, on another gateway. Every so many users poll (undefined: none).
 */
export async function populate(
  target: Target,
  pairs: number,
  { secondDeviceEvery, pollingEvery }: { secondDeviceEvery: number; pollingEvery?: number | undefined },
  clock: { now(): number; random: Random },
): Promise<Population> {
  const users = Array.from({ length: pairs * 2 }, (_, i): User => {
    return { id: newUser(`u${i}`), devices: [], conversations: [] };
  });
  const at = (i: number) => users[i % users.length] as User;
  const couples = Array.from({ length: pairs }, (_, i): [User, User] => [at(2 * i), at(2 * i + 1)]);
  for (let i = 0; i < pairs - 1; i += 4) couples.push([at(2 * i), at(2 * i + 3)]);
  const conversations = await Promise.all(
    couples.map(async (couple): Promise<Conversation> => {
      const [a, b] = couple;
      // Tried again like everything: just after a start or a fault a gateway may answer that it is not there yet.
      const id = await eventually(() => openConversation(target, a.id, b.id), 20_000);
      const conversation = { id, users: couple };
      a.conversations.push(conversation);
      b.conversations.push(conversation);
      return conversation;
    }),
  );
  const add = (user: User) => {
    const device = new Device({
      id: `${user.id}/${user.devices.length + 1}`,
      userId: user.id,
      conversations: user.conversations.map(({ id }) => id),
      target,
      polls: pollingEvery !== undefined && users.indexOf(user) % pollingEvery === 1,
      ...clock,
    });
    user.devices.push(device);
    return device;
  };
  for (const user of users) add(user);
  await allCurrent(users);
  const doubled = users.filter((_, i) => i % secondDeviceEvery === 0);
  for (const user of doubled) add(user);
  await allCurrent(users);
  await Promise.all(doubled.map(separate));
  return { users, conversations, devices: users.flatMap(({ devices }) => devices) };
}

async function allCurrent(users: readonly User[]): Promise<void> {
  await eventually(() => {
    const away = users.flatMap(({ devices }) => devices).filter((device) => !device.current);
    if (away.length > 0) throw new Error(`${away.length} devices are not connected and in sync before the fault`);
  }, 20_000);
}

/** Reconnects the second device until it is on another gateway than the first; gives up when there is only one. */
async function separate({ devices: [first, second] }: User): Promise<void> {
  for (let tries = 0; tries < 10 && first && second && first.gateway === second.gateway; tries++) {
    second.reconnect();
    for (let waited = 0; waited < 100 && !second.current; waited++) await delay(20);
  }
}
