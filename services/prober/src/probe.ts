import { randomUUID } from 'node:crypto';
import { type ClientMessageId, PROBER_USER_PREFIX, type UserId } from '@chat-cluster/contracts';
import { every, type Logger, logFirstFailure, retry } from '@chat-cluster/runtime';
import { Gauge } from 'prom-client';
import { Deliveries } from './deliveries.ts';
import { type AdminEntry, openProbedConversation } from './probed-conversation.ts';
import type { SignToken } from './sign-token.ts';
import { SyntheticUser } from './synthetic-user.ts';

const connectedUsers = new Gauge({
  name: 'chat_probe_connected',
  help: 'Connected synthetic users; 2 in normal operation',
});
const differentGateways = new Gauge({
  name: 'chat_probe_gateways',
  help: 'Different gateways of the synthetic users; 2 in normal operation, with 1 no message crosses gateways',
});

/** Delay before the second user reconnects to reach another gateway than the first, in ms; doubles up to `last`. */
const MOVE_MS = { first: 500, last: 60_000 };
/** Time between two read marks of a user, in ms. */
const READ_EVERY_MS = 30_000;

export interface ProbeOptions {
  /** URL of the first user, then that of the second if it has one of its own. */
  urls: readonly string[];
  /** Where conversations are opened. Default: by the REST API. */
  admin?: AdminEntry | undefined;
  /** Signs a token. */
  signToken: SignToken;
  intervalMs: number;
  lostAfterMs: number;
  logger: Logger;
}

export interface Probe {
  /** `2 of 2 connected, on 2 gateways`, with the current numbers. */
  check(): string;
  stop(): Promise<void>;
}

/**
 * Two users send messages to each other at a fixed rate. Each day (UTC) has a pair of users of its own, so that its
 * conversation ends and can be deleted; it replaces the pair of the day before once both users are in sync. A message
 * counts from the moment it is due, so an outage shows in full, also one that keeps the pair from opening its
 * conversation.
 */
export function startProbe(options: ProbeOptions): Probe {
  const { intervalMs, lostAfterMs, logger } = options;
  const onFault = (error: unknown) => logger.error({ err: error }, 'probe: a fault');
  const deliveries = new Deliveries(lostAfterMs);
  const open = () => openPair(options, deliveries, () => show(pair.users));
  let pair: Pair = open();
  let next: Pair | undefined;
  let due = performance.now();
  show([]);
  const changePair = () => {
    const day = today();
    if (pair.day === day) return;
    if (next?.day !== day) {
      if (next) closePair(next);
      next = open();
    }
    if (!isReady(next)) return;
    setTimeout(closePair, lostAfterMs, pair).unref();
    [pair, next] = [next, undefined];
    show(pair.users);
  };
  const send = () => {
    const now = performance.now();
    // After a pause of the process, the messages that would be lost already are skipped.
    due = Math.max(due, now - lostAfterMs);
    changePair();
    for (; due <= now; due += intervalMs) {
      for (const i of [0, 1]) {
        const id = randomUUID() as string as ClientMessageId;
        deliveries.due(id, due);
        if (isReady(pair)) pair.users[i]?.send(id);
      }
    }
    deliveries.sweep(now);
  };
  const sending = every(intervalMs, send, onFault);
  const reading = every(READ_EVERY_MS, () => pair.users.map((user) => user.read()), onFault);
  return {
    check() {
      const { users, gateways } = countsOf(pair.users);
      return `${users} of 2 connected, on ${gateways} gateways`;
    },
    async stop() {
      await Promise.all([sending.stop(), reading.stop()]);
      for (const one of [pair, next]) if (one) closePair(one);
    },
  };
}

/** The users of one day. */
interface Pair {
  day: string;
  /** Empty until the conversation is open. */
  users: SyntheticUser[];
  end: AbortController;
}

/** Both users receive what is sent from now on. Before that, a message could be acknowledged and count as undelivered. */
function isReady({ users }: Pair): boolean {
  return users.length === 2 && users.every((user) => user.isReady);
}

/** `changed` is called whenever a user connects or disconnects. */
function openPair(
  { urls, admin, signToken, lostAfterMs, logger }: ProbeOptions,
  deliveries: Deliveries,
  changed: () => void,
): Pair {
  const day = today();
  const ids = ['a', 'b'].map((side) => `${PROBER_USER_PREFIX}${day}-${side}`) as [UserId, UserId];
  const [first = '', second = first] = urls;
  const end = new AbortController();
  const { signal } = end;
  const pair: Pair = { day, users: [], end };
  const open = async () => {
    const onFailure = logFirstFailure(logger, 'probe: opening the conversation');
    const openConversation = async () => openProbedConversation(first, await signToken(ids[0]), ids, admin);
    const conversationId = await retry(openConversation, { minMs: 200, maxMs: 5_000, signal, onFailure });
    signal.throwIfAborted();
    const spread = createSpread(pair, logger);
    pair.users = ids.map(
      (userId, i) =>
        new SyntheticUser({
          url: i === 0 ? first : second,
          userId,
          signToken: () => signToken(userId),
          conversationId,
          withinMs: lostAfterMs,
          onMessage({ receiverId, clientMessageId }) {
            if (receiverId === userId) deliveries.arrived(clientMessageId);
          },
          onStored: (clientMessageId) => deliveries.acknowledged(clientMessageId),
          onChange() {
            changed();
            spread();
          },
        }),
    );
  };
  // Rejects only when the pair is closed.
  open().catch(() => {});
  return pair;
}

function closePair({ users, end }: Pair): void {
  end.abort();
  for (const user of users) user.close();
}

/**
 * Returns the function to call whenever a user connects or disconnects. It makes the second user reconnect while both
 * are on one gateway.
 */
function createSpread(pair: Pair, logger: Logger): () => void {
  let wait = MOVE_MS.first;
  let timer: NodeJS.Timeout | undefined;
  return () => {
    clearTimeout(timer);
    if (pair.end.signal.aborted) return;
    const [a, b] = pair.users;
    if (!a?.gatewayId || !b?.gatewayId) return;
    if (a.gatewayId !== b.gatewayId) {
      wait = MOVE_MS.first;
      return;
    }
    if (wait === MOVE_MS.first) {
      logger.info({ gateway: a.gatewayId }, 'probe: both users are on one gateway, one reconnects');
    }
    timer = setTimeout(() => b.move(), wait);
    timer.unref();
    wait = Math.min(2 * wait, MOVE_MS.last);
  };
}

function show(pair: readonly SyntheticUser[]): void {
  const { users, gateways } = countsOf(pair);
  connectedUsers.set(users);
  differentGateways.set(gateways);
}

/** The number of connected users, and of their different gateways. */
function countsOf(users: readonly SyntheticUser[]): { users: number; gateways: number } {
  const ids = users.flatMap(({ gatewayId }) => gatewayId ?? []);
  return { users: ids.length, gateways: new Set(ids).size };
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}
