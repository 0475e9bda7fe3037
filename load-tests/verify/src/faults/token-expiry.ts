import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { signToken } from '@chat-cluster/local-cluster';
import { between, type FaultCluster, type Random, readDatabase, type SendAttempt } from '@chat-cluster/testkit';
import { io } from 'socket.io-client';
import type { Device } from '../clients/device.ts';
import type { User } from '../clients/users.ts';
import { gatewaysKeepRunning } from '../expectations.ts';
import type { Fault, FaultContext, RoundOutcome } from '../fault.ts';
import { waitUntil } from '../wait-until.ts';

const ADMIN_TOKEN = 'token-of-the-administrators';
const REVOKED_USERS = 2;
/** Replacements of the valid tokens of other users, one for each user. */
const TROUBLES = ['error', 'error', 'expired', 'expired'] as const;
/** Messages that each device of a revoked user sends just before the revocation. */
const LAST_MESSAGES = 5;
/** Time in which a message that a device has sent reaches a gateway and its lane, in ms. */
const ACCEPTED_MS = 300;
/** Time until the sockets of a revoked user are closed on every gateway, in ms. */
const REVOKED_LIMIT_MS = 2_000;
/** Time until what was accepted before a revocation is stored and delivered to the others, in ms. */
const DELIVERED_LIMIT_MS = 10_000;
/** Time in which all short tokens have expired, and stock devices have connected with new ones, in ms. */
const RENEWED_LIMIT_MS = 15_000;
/** Longer than the longest life of a token and its renewal: each one expires during the fault. */
const LASTS_MS = [9_000, 12_000] as const;

/**
 * Tokens are valid for 5 to 8 s. Library devices renew theirs ahead, and stock devices connect again with another one. For
 * some users the issuer of tokens fails, or returns expired ones. The tokens of other users are revoked while their
 * messages wait in the lanes. At the end all of them sign in again.
 */
export const tokensExpire: Fault = {
  id: 'F32',
  title: 'tokens expire, are renewed, and users are revoked',
  clients: 'mixed',
  tokenLife: [5, 8],
  cluster: { env: { ADMIN_TOKEN, JWT_CLOCK_TOLERANCE_MS: '0', TOKEN_EXPIRING_MS: '2000' } },
  async inject(context) {
    const { cluster, population, random, now } = context;
    const chosen = chooseUsers(population.users, random);
    const revoked = chosen.slice(0, REVOKED_USERS);
    for (const [index, { id }] of chosen.slice(REVOKED_USERS).entries()) {
      population.issuer.troubled.set(id, TROUBLES[index] ?? 'error');
    }
    const revocation = await revoke(revoked, context);
    const { breaches } = revocation;
    return {
      lastsMs: between(random, ...LASTS_MS),
      async heal() {
        breaches.push(
          ...(await notDelivered(revocation.accepted, context, chosen)),
          ...(await notRefused(cluster, revocation.tokens)),
          ...revoked.flatMap(({ devices }) => devices).flatMap((device) => cameBack(device, revocation.closedAt)),
        );
        population.issuer.recover();
        for (const device of chosen.flatMap(({ devices }) => devices)) device.signIn();
        breaches.push(...(await withoutNewToken(population.devices, now)));
      },
      figures: () => `${revocation.accepted.length} messages were accepted before the revocation`,
      expect: (outcome) => [...breaches, ...wrongConnections(outcome, population.devices, chosen)],
    };
  },
  expect: gatewaysKeepRunning,
};

/** One user of each of some random pairs, with library and stock devices in turn: first those that are revoked. */
function chooseUsers(users: readonly User[], random: Random): User[] {
  const pairs = Array.from({ length: users.length / 2 }, (_, i) => users.slice(2 * i, 2 * i + 2));
  return Array.from({ length: Math.min(pairs.length, REVOKED_USERS + TROUBLES.length) }, (_, index) => {
    const [pair = []] = pairs.splice(Math.floor(random() * pairs.length), 1);
    const kind = index % 2 === 0 ? 'library' : 'stock';
    return pair.find(({ devices }) => devices[0]?.kind === kind) ?? (pair[0] as User);
  });
}

/** Revokes all tokens of the users, while messages of them are in lanes that no worker serves. */
async function revoke(users: readonly User[], { cluster, population, traffic, now }: FaultContext) {
  const devices = users.flatMap((user) => user.devices);
  const tokens = users.map(({ id }) => signToken(id, cluster.jwtSecret));
  for (const worker of cluster.workers) worker.pause();
  try {
    for (const sender of users) {
      for (const device of sender.devices) sendLast(sender, device, traffic);
    }
    await delay(2 * ACCEPTED_MS);
    const sentUntil = now() - ACCEPTED_MS;
    const accepted = devices.flatMap((device) => openAttempts(device).filter(({ at }) => at <= sentUntil));
    for (const { id } of users) population.issuer.troubled.set(id, 'error');
    await Promise.all(users.map(({ id }) => postRevocation(cluster, id)));
    const tookMs = await waitUntil(() => devices.every(({ gateway }) => gateway === ''), REVOKED_LIMIT_MS);
    const open = devices.filter(({ gateway }) => gateway !== '').map(({ history }) => history.id);
    const breaches =
      tookMs <= REVOKED_LIMIT_MS
        ? []
        : [`${open.join(', ')} had a connection ${REVOKED_LIMIT_MS} ms after the revocation`];
    return { accepted, tokens, closedAt: now(), breaches };
  } finally {
    for (const worker of cluster.workers) worker.resume();
  }
}

function sendLast(sender: User, device: Device, traffic: FaultContext['traffic']): void {
  for (let sent = 0; sent < LAST_MESSAGES; sent++) {
    const conversation = sender.conversations[sent % sender.conversations.length];
    if (conversation) void traffic.deliver({ ...traffic.randomDraft(), sender, conversation }, device);
  }
}

/** Attempts on the present connection that are not refused. */
function openAttempts({ history, gateway, sends }: Device): SendAttempt[] {
  const present = history.events.findLast(({ kind }) => kind === 'connected');
  if (gateway === '' || present?.kind !== 'connected') return [];
  return sends.filter(({ connection, outcome }) => connection === present.connection && outcome.kind !== 'refused');
}

async function postRevocation({ gateways }: FaultCluster, userId: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${gateways[0]?.adminPort}/revocations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    body: JSON.stringify({ userId }),
  });
  if (response.status !== 201) throw new Error(`POST /revocations: ${response.status} ${await response.text()}`);
}

/** Messages of revoked users that are not stored, or that a connected device of the other user does not have. */
async function notDelivered(
  accepted: readonly SendAttempt[],
  { cluster, population }: FaultContext,
  away: readonly User[],
): Promise<string[]> {
  const find = async () => {
    const { messages } = await readDatabase(cluster.db, [...new Set(accepted.map((one) => one.conversationId))]);
    return accepted.flatMap(({ conversationId, sender, clientMessageId }) => {
      const stored = messages.find((row) => row.senderId === sender && row.clientMessageId === clientMessageId);
      if (!stored) return [`${clientMessageId} of ${sender} was accepted before the revocation, and is not stored`];
      const users = population.conversations.find(({ id }) => id === conversationId)?.users ?? [];
      const others = users.filter((user) => user.id !== sender && !away.includes(user));
      const lacking = others.flatMap(({ devices }) => devices.filter((device) => !received(device, stored)));
      return lacking.map(({ history }) => `${history.id} did not get ${clientMessageId} of ${sender}`);
    });
  };
  let missing: string[] = [];
  await waitUntil(async () => {
    missing = await find();
    return missing.length === 0;
  }, DELIVERED_LIMIT_MS);
  return missing;
}

function received({ history }: Device, { conversationId, seq }: { conversationId: string; seq: number }): boolean {
  return history.events.some((event) => {
    const messages = event.kind === 'message' ? [event] : event.kind === 'synced' ? event.messages : [];
    return messages.some((message) => message.conversationId === conversationId && message.seq === seq);
  });
}

/** Gateways that accept a token of before the revocation. */
async function notRefused({ gateways }: FaultCluster, tokens: readonly string[]): Promise<string[]> {
  const attempts = gateways.flatMap(({ name, port }) =>
    tokens.map(async (token) => [name, await resultOf(port, token)]),
  );
  const results = await Promise.all(attempts);
  return results.flatMap(([name, result]) =>
    result === 'TOKEN_REVOKED' ? [] : [`${name} answered a revoked token with ${result}`],
  );
}

async function resultOf(port: number, token: string): Promise<string> {
  const socket = io(`http://127.0.0.1:${port}`, {
    forceNew: true,
    reconnection: false,
    transports: ['websocket'],
    auth: { token },
  });
  const accepted = once(socket as never, 'session').then(() => 'a session');
  const refused = once(socket as never, 'connect_error').then(([error]) => error.data?.code ?? error.message);
  return Promise.race([accepted, refused]).finally(() => socket.disconnect());
}

function cameBack({ history: { id, events } }: Device, closedAt: number): string[] {
  const isBack = events.some(({ kind, at }) => kind === 'connected' && at > closedAt);
  return isBack ? [`${id} was connected again after its revocation`] : [];
}

/** Stock devices that stay away once their last short token has expired. Library devices keep their connections. */
async function withoutNewToken(devices: readonly Device[], now: () => number): Promise<string[]> {
  const since = now();
  const isOld = ({ kind, history }: Device) =>
    kind === 'stock' && !history.events.some((event) => event.kind === 'connected' && event.at > since);
  await waitUntil(() => !devices.some(isOld), RENEWED_LIMIT_MS);
  return devices.filter(isOld).map(({ history }) => `${history.id} did not connect with a new token`);
}

/** Stock devices and users without valid tokens lose their connections; the other library devices keep theirs. */
function wrongConnections({ from, to }: RoundOutcome, devices: readonly Device[], away: readonly User[]): string[] {
  const withoutToken = new Set(away.map(({ id }) => id));
  const hasLost = ({ history }: Device) =>
    history.events.some(({ kind, at }) => kind === 'disconnected' && at >= from && at <= to);
  return devices.flatMap((device) => {
    const { kind, userId, history } = device;
    const mustLose = kind === 'stock' || withoutToken.has(userId);
    if (hasLost(device) === mustLose) return [];
    return [
      mustLose ? `${history.id} never lost its connection` : `${history.id} lost its connection in spite of renewal`,
    ];
  });
}
