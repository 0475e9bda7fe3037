import { randomUUID } from 'node:crypto';
import type { ClientMessageId, UserId } from '@chat-cluster/contracts';
import { backoff, type Logger } from '@chat-cluster/runtime';
import { Gauge } from 'prom-client';
import { Deliveries } from './deliveries.ts';
import { openProbedConversation } from './probed-conversation.ts';
import { SyntheticUser } from './synthetic-user.ts';

const connected = new Gauge({
  name: 'chat_probe_connected',
  help: 'Synthetic users that are connected: 2 when all is well',
});
const gateways = new Gauge({
  name: 'chat_probe_gateways',
  help: 'Different gateways that the synthetic users are on: 2 as it is meant; 1, and nothing crosses gateways',
});

/** A user comes again, to be on another gateway than the other one: soon at first, then ever more seldom. */
const MOVE_MS = { first: 500, last: 60_000 };
const READ_EVERY_MS = 30_000;

export interface ProbeOptions {
  /** Of the first user, and of the second when it has another one. */
  urls: readonly string[];
  /** Signs a token. */
  tokenOf(userId: UserId): string;
  intervalMs: number;
  lostAfterMs: number;
  logger: Logger;
}

/** Those who talk for a day. */
interface Pair {
  day: string;
  users: SyntheticUser[];
  end: AbortController;
}

export interface Probe {
  /** `2 of 2 connected, on 2 gateways`; or what is missing. */
  check(): string;
  stop(): void;
}

/**
 * Two users write to each other by the clock. Each day (UTC) has a pair of its own, so that its conversation ends, and can be
 * deleted. A message counts from the moment it is due, so an outage shows as it is, also one that keeps the pair from opening
 * its conversation.
 */
export function startProbe(options: ProbeOptions): Probe {
  const { intervalMs, lostAfterMs } = options;
  const deliveries = new Deliveries(lostAfterMs);
  let pair = openPair(options, deliveries);
  let due = performance.now();
  const send = () => {
    const now = performance.now();
    // A process that was paused does not make up for it.
    due = Math.max(due, now - lostAfterMs);
    if (pair.day !== today()) {
      setTimeout(closePair, lostAfterMs, pair).unref();
      pair = openPair(options, deliveries);
    }
    for (; due <= now; due += intervalMs) {
      for (const i of [0, 1]) {
        const id = randomUUID() as string as ClientMessageId;
        deliveries.due(id, due);
        pair.users[i]?.send(id, lostAfterMs, () => deliveries.acknowledged(id));
      }
    }
    deliveries.sweep(now);
  };
  const sending = setInterval(send, intervalMs);
  const reading = setInterval(() => {
    for (const user of pair.users) user.read();
  }, READ_EVERY_MS);
  return {
    check: () => stateOf(pair.users),
    stop() {
      clearInterval(sending);
      clearInterval(reading);
      closePair(pair);
    },
  };
}

function openPair({ urls, tokenOf, logger }: ProbeOptions, deliveries: Deliveries): Pair {
  const day = today();
  const ids = ['a', 'b'].map((side) => `chat-probe-${day}-${side}` as UserId);
  const [first = '', second = first] = urls;
  const end = new AbortController();
  const pair: Pair = { day, users: [], end };
  const open = async () => {
    const [a, b] = ids as [UserId, UserId];
    const conversation = await persistently(logger, end.signal, () => openProbedConversation(first, tokenOf(a), b));
    end.signal.throwIfAborted();
    const onChange = createSpread(pair, logger);
    pair.users = ids.map(
      (userId, i) =>
        new SyntheticUser({
          url: i === 0 ? first : second,
          userId,
          token: () => tokenOf(userId),
          conversation,
          onMessage({ receiverId, clientMessageId }) {
            if (receiverId === userId) deliveries.arrived(clientMessageId);
          },
          onChange,
        }),
    );
  };
  show([]);
  open().catch(() => {});
  return pair;
}

function closePair({ users, end }: Pair): void {
  end.abort();
  for (const user of users) user.close();
}

/** Until it succeeds; rejects only when `signal` aborts. */
async function persistently<T>(logger: Logger, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (attempt === 0) logger.warn({ reason: String(error) }, 'probe: no conversation yet, trying again');
      await backoff(attempt, 200, 5_000, signal);
    }
  }
}

/** To be called whenever a user came or went: shows it, and sends the second one on when both are on one gateway. */
function createSpread(pair: Pair, logger: Logger): () => void {
  let wait = MOVE_MS.first;
  let timer: NodeJS.Timeout | undefined;
  return () => {
    clearTimeout(timer);
    if (pair.end.signal.aborted) return;
    show(pair.users);
    const [a, b] = pair.users;
    if (!a?.gatewayId || !b?.gatewayId) return;
    if (a.gatewayId !== b.gatewayId) {
      wait = MOVE_MS.first;
      return;
    }
    if (wait === MOVE_MS.first)
      logger.info({ gateway: a.gatewayId }, 'probe: both users are on one gateway, one moves');
    timer = setTimeout(() => b.move(), wait);
    timer.unref();
    wait = Math.min(2 * wait, MOVE_MS.last);
  };
}

function show(users: readonly SyntheticUser[]): void {
  const places = placesOf(users);
  connected.set(places.length);
  gateways.set(new Set(places).size);
}

function stateOf(users: readonly SyntheticUser[]): string {
  const places = placesOf(users);
  return `${places.length} of 2 connected, on ${new Set(places).size} gateways`;
}

function placesOf(users: readonly SyntheticUser[]): string[] {
  return users.flatMap(({ gatewayId }) => gatewayId ?? []);
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}
