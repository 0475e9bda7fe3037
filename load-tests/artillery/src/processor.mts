/*
 * The functions that the flows in scenarios/ call, in the order of their first use. A virtual user is a pair: the engine's
 * connection speaks, the peer's device listens. What goes wrong is an `errors.…` counter, and ends the virtual user.
 *
 * `.mts`, not `.ts`: artillery bundles a `.ts` before each run; this one Node runs as it is.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Socket } from 'socket.io-client';
import { ANSWERED_WITHIN_MS, connectDevice, connected, type Device } from './device.ts';
import { newUser, tokenOf, userOf } from './own-token.ts';
import { type Heard, type Metrics, Talk } from './talk.ts';

/** An acknowledged message that is not heard within this is lost. */
const DELIVERED_WITHIN_MS = 10_000;
/** For those without one in their scenario. */
const DEFAULT_PAUSE_MS = 1_000;

/** What artillery hands from step to step of one virtual user. */
interface VirtualUser {
  vars: Record<string, unknown>;
  /** By namespace; the engine's own is ''. It emits from, and in the end closes, whatever is here. */
  sockets: Record<string, Socket>;
  pair?: Pair;
}

interface Pair {
  talk: Talk;
  device: Device;
  nextDue: number;
  lostAt: number;
}

type Step = (user: VirtualUser, metrics: Metrics) => Promise<void>;

interface Ack {
  ok: boolean;
  error?: { code: string };
  unread?: { count: number };
}

/** `before`: once, for all: the one whom everybody writes to (big-fan-in). */
export const nameReceiver: Step = async (user) => {
  user.vars.receiver = newUser();
};

/** Sets `token` and `peer` for the REST call. */
export const introduce = step(async (user) => {
  const socket = engineSocket(user);
  // The engine listens once for these, also after the connect, and then calls its callback twice: it would not survive a
  // connection that is lost and not back at the first try.
  socket.off('connect_error').off('error');
  user.vars.token = tokenOf(userOf(socket));
  user.vars.peer = user.vars.receiver ?? newUser();
});

/** Connects the peer's device, or shares the receiver's, and makes what is sent in `conversationId` be heard there. */
export const connectPeer = step(async (user, metrics) => {
  const { target, peer, receiver, conversationId, everyMs } = user.vars;
  const device = await (receiver === undefined ? connectDevice : sharedDevice)(String(target), String(peer), metrics);
  if (receiver === undefined) user.sockets.peer = device.socket;
  const talk = new Talk(String(conversationId), metrics);
  device.talks.set(talk.conversationId, talk);
  // Spread, so that pairs that arrived together do not speak together.
  const nextDue = performance.now() + Math.random() * Number(everyMs ?? DEFAULT_PAUSE_MS);
  user.pair = { talk, device, nextDue, lostAt: 0 };
});

/** Waits until the next message is due and sets `message`. Not `think`, whose pause would begin only after the ack. */
export const nextMessage = step(async (user) => {
  const pair = pairOf(user);
  await until(pair.nextDue);
  user.vars.message = pair.talk.say(pair.nextDue);
  pair.nextDue += Number(user.vars.everyMs ?? DEFAULT_PAUSE_MS);
});

/** As `nextMessage`, at once. */
export const messageNow = step(async (user) => {
  user.vars.message = pairOf(user).talk.say(performance.now());
});

/** An ack must say that the message is stored. */
export const checkAck = step(async (user) => {
  takeAck(user, 'send_message');
  pairOf(user).talk.acknowledge();
});

/** Every acknowledged message must be heard, and the peer's badge must count them all. Sets `readMark`. */
export const awaitDelivery = step(async (user, metrics) => {
  const { talk, device } = pairOf(user);
  await talk.until(() => talk.unheard === 0, DELIVERED_WITHIN_MS);
  metrics.emit('counter', 'chat.expected', talk.acked);
  metrics.emit('counter', 'chat.lost', talk.unheard);
  if (user.vars.receiver !== undefined) device.talks.delete(talk.conversationId);
  if (talk.unheard > 0) throw new Error(`acknowledged, but not heard within ${DELIVERED_WITHIN_MS / 1_000} s`);
  if (user.vars.receiver !== undefined) return;
  if (!(await talk.until(() => device.badge === talk.acked, DELIVERED_WITHIN_MS))) throw new Error('wrong badge');
  user.vars.readMark = { conversationId: talk.conversationId };
});

/** The peer has read everything: nothing may be left unread. */
export const checkRead = step(async (user) => {
  if (takeAck(user, 'read_messages').unread?.count !== 0) throw new Error('unread after reading');
});

/** Waits for the next of the moments at which everybody loses the connection: `firstStormMs` after the first arrival, then every `stormEveryMs`. */
export const awaitStorm = step(async (user) => {
  stormsBegin ??= performance.now() + Number(user.vars.firstStormMs);
  const every = Number(user.vars.stormEveryMs);
  const passed = Math.max(0, Math.ceil((performance.now() - stormsBegin) / every));
  await until(stormsBegin + passed * every);
});

/** Both lose their connection without a goodbye; the stock client comes back by itself, with its back-off. */
export const loseConnections = step(async (user) => {
  const pair = pairOf(user);
  pair.lostAt = performance.now();
  for (const socket of [engineSocket(user), pair.device.socket]) socket.io.engine.close();
});

/** Both are back, and the peer has what it missed. */
export const returnInSync = step(async (user, metrics) => {
  const { talk, device, lostAt } = pairOf(user);
  await Promise.all([connected(engineSocket(user)), connected(device.socket)]);
  const question = { conversations: [{ id: talk.conversationId, afterSeq: talk.heardUpTo }] };
  const answer: Ack & { conversations?: { messages: Heard[] }[] } = await device.socket
    .timeout(ANSWERED_WITHIN_MS)
    .emitWithAck('sync', question);
  if (!answer.ok) throw new Error(`sync: ${answer.error?.code}`);
  for (const { messages } of answer.conversations ?? []) for (const message of messages) talk.catchUp(message);
  metrics.emit('histogram', 'chat.back_ms', performance.now() - lostAt);
});

// --- Shared by the virtual users of one worker thread ---

let stormsBegin: number | undefined;
const shared = new Map<string, Promise<Device>>();

function sharedDevice(url: string, user: string, metrics: Metrics): Promise<Device> {
  const device = shared.get(user) ?? connectDevice(url, user, metrics);
  shared.set(user, device);
  return device;
}

// --- Helpers ---

/** Artillery's Socket.IO engine ends a flow at an error of a function, but does not count it. */
function step(run: Step): Step {
  return async (user, metrics) => {
    try {
      await run(user, metrics);
    } catch (error) {
      metrics.emit('error', (error as Error).message);
      throw error;
    }
  };
}

/** The captured ack. socket.io-client calls back with an error alone where none came within `ackTimeout`. */
function takeAck(user: VirtualUser, event: string): Ack {
  const ack = user.vars.ack as Ack | undefined;
  user.vars.ack = undefined;
  if (!ack) throw new Error(`${event}: no ack`);
  if (!ack.ok) throw new Error(`${event}: ${ack.error?.code}`);
  return ack;
}

function engineSocket(user: VirtualUser): Socket {
  const socket = user.sockets[''];
  if (!socket) throw new Error('the engine is not connected');
  return socket;
}

function pairOf(user: VirtualUser): Pair {
  if (!user.pair) throw new Error('connectPeer must come first');
  return user.pair;
}

async function until(moment: number): Promise<void> {
  const ms = moment - performance.now();
  if (ms > 0) await pause(ms);
}
