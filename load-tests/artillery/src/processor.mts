/*
 * The functions that the flows in scenarios/ call, in the order of their first use. A virtual user is a pair: the
 * connection of the engine sends, the peer's device receives. A failure is counted as `errors.…` and ends the virtual
 * user.
 *
 * `.mts`, not `.ts`: Artillery bundles a `.ts` before each run, while Node runs this file directly.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Socket } from 'socket.io-client';
import { DeliveryCheck, type Metrics, type ReceivedMessage } from './delivery-check.ts';
import { newUser, tokenOf, userOf } from './own-token.ts';
import { ANSWER_TIMEOUT_MS, connected, connectPeerDevice, type PeerDevice } from './peer-device.ts';

/** Time after which an acknowledged message that was not delivered counts as lost, in ms. */
const DELIVERY_TIMEOUT_MS = 10_000;
/** Interval of a pair's messages where the scenario sets none, in ms. */
const DEFAULT_EVERY_MS = 1_000;

/** The state of one virtual user, which Artillery passes to each step. */
interface VirtualUser {
  vars: Record<string, unknown>;
  /** Sockets by namespace; that of the engine is ''. The engine emits on these sockets and closes them at the end. */
  sockets: Record<string, Socket>;
  pair?: Pair;
}

interface Pair {
  check: DeliveryCheck;
  device: PeerDevice;
  nextDueAt: number;
  lostAt: number;
  /** When the latest change was to be sent. */
  changeAt: number;
}

type Step = (user: VirtualUser, metrics: Metrics) => Promise<void>;

interface Ack {
  ok: boolean;
  error?: { code: string };
  unread?: { count: number };
  message?: { seq: number };
}

/** Chooses the receiver of all messages (big-fan-in). Artillery calls it once, before the first virtual user. */
export const chooseReceiver: Step = async (user) => {
  user.vars.receiver = newUser();
};

/** Sets `token`, `peer` and `others`, the other members of a group, for the REST call. */
export const prepareUser = step(async (user) => {
  const socket = engineSocket(user);
  // The engine keeps these listeners after the connect and would call its callback twice: the worker thread would crash
  // when a lost connection is not back at the first attempt.
  socket.off('connect_error').off('error');
  user.vars.token = tokenOf(userOf(socket));
  user.vars.peer = user.vars.receiver ?? newUser();
  user.vars.others = [
    user.vars.peer,
    ...Array.from({ length: Math.max(0, Number(user.vars.members ?? 2) - 2) }, newUser),
  ];
});

/** Connects the peer's device, or shares the receiver's, and checks the deliveries of `conversationId` there. */
export const connectPeer = step(async (user, metrics) => {
  const { target, peer, receiver, conversationId, everyMs } = user.vars;
  const connect = receiver === undefined ? connectPeerDevice : sharedDevice;
  const device = await connect(String(target), String(peer), metrics);
  if (receiver === undefined) user.sockets.peer = device.socket;
  const check = new DeliveryCheck(String(conversationId), metrics);
  device.checks.set(check.conversationId, check);
  // At random, so that pairs that arrived together do not send together.
  const nextDueAt = performance.now() + Math.random() * Number(everyMs ?? DEFAULT_EVERY_MS);
  user.pair = { check, device, nextDueAt, lostAt: 0, changeAt: 0 };
});

/**
 * Waits until the next message is due and sets `message`. (A `think` in the scenario would start only after the ack.)
 */
export const nextMessage = step(async (user) => {
  const pair = pairOf(user);
  await until(pair.nextDueAt);
  user.vars.message = pair.check.nextDraft(pair.nextDueAt);
  pair.nextDueAt += Number(user.vars.everyMs ?? DEFAULT_EVERY_MS);
});

/** Sets `message` to one that is due now. */
export const messageNow = step(async (user) => {
  user.vars.message = pairOf(user).check.nextDraft(performance.now());
});

/** Fails unless the ack confirms that the message is stored. Sets `reaction` and `edit`, two changes of the message. */
export const checkAck = step(async (user) => {
  const { message } = takeAck(user, 'send_message');
  const pair = pairOf(user);
  pair.check.acknowledge();
  pair.changeAt = performance.now();
  const place = { conversationId: pair.check.conversationId, seq: message?.seq };
  user.vars.reaction = { ...place, emoji: '👍', on: true };
  user.vars.edit = { ...place, content: 'An edited message of a load test' };
});

/** Fails unless the ack confirms that the change is stored. */
export const checkChange = step(async (user, metrics) => {
  takeAck(user, 'change');
  const pair = pairOf(user);
  pair.check.acknowledgeChange();
  metrics.emit('histogram', 'chat.change_ms', performance.now() - pair.changeAt);
  pair.changeAt = performance.now();
});

/** Fails unless all acknowledged messages and changes are delivered and the peer's badge is right. Sets `readMark`. */
export const awaitDelivery = step(async (user, metrics) => {
  const { check, device } = pairOf(user);
  await check.until(() => check.undelivered === 0, DELIVERY_TIMEOUT_MS);
  metrics.emit('counter', 'chat.expected', check.acked);
  metrics.emit('counter', 'chat.lost', check.undelivered);
  if (user.vars.receiver !== undefined) device.checks.delete(check.conversationId);
  if (check.undelivered > 0) throw new Error(`acknowledged, but not delivered within ${DELIVERY_TIMEOUT_MS / 1_000} s`);
  if (user.vars.receiver !== undefined) return;
  if (!(await check.until(() => device.badge === check.acked, DELIVERY_TIMEOUT_MS))) throw new Error('wrong badge');
  if (!(await check.until(() => check.hasAllChanges, DELIVERY_TIMEOUT_MS)))
    throw new Error('a change was not delivered');
  user.vars.readMark = { conversationId: check.conversationId };
});

/** Fails when messages are unread although the peer has read everything. */
export const checkRead = step(async (user) => {
  if (takeAck(user, 'read_messages').unread?.count !== 0) throw new Error('unread after reading');
});

/** Waits for the next storm: `firstStormMs` after the first virtual user of this thread, then every `stormEveryMs`. */
export const awaitStorm = step(async (user) => {
  firstStormAt ??= performance.now() + Number(user.vars.firstStormMs);
  const every = Number(user.vars.stormEveryMs);
  const passed = Math.max(0, Math.ceil((performance.now() - firstStormAt) / every));
  await until(firstStormAt + passed * every);
});

/** Breaks both connections without a closing handshake. The stock client reconnects with its back-off. */
export const loseConnections = step(async (user) => {
  const pair = pairOf(user);
  pair.lostAt = performance.now();
  for (const socket of [engineSocket(user), pair.device.socket]) socket.io.engine.close();
});

/** Waits until both are connected again and the peer has synced the messages that it missed. */
export const awaitRecovery = step(async (user, metrics) => {
  const { check, device, lostAt } = pairOf(user);
  await Promise.all([connected(engineSocket(user)), connected(device.socket)]);
  const request = { conversations: [{ id: check.conversationId, afterSeq: check.receivedUpTo }] };
  const answer: Ack & { conversations?: { messages: ReceivedMessage[] }[] } = await device.socket
    .timeout(ANSWER_TIMEOUT_MS)
    .emitWithAck('sync', request);
  if (!answer.ok) throw new Error(`sync: ${answer.error?.code}`);
  for (const { messages } of answer.conversations ?? []) for (const message of messages) check.receiveBySync(message);
  metrics.emit('histogram', 'chat.back_ms', performance.now() - lostAt);
});

// --- Shared by the virtual users of one worker thread ---

let firstStormAt: number | undefined;
const sharedDevices = new Map<string, Promise<PeerDevice>>();

function sharedDevice(url: string, user: string, metrics: Metrics): Promise<PeerDevice> {
  const device = sharedDevices.get(user) ?? connectPeerDevice(url, user, metrics);
  sharedDevices.set(user, device);
  return device;
}

// --- Helpers ---

/** Counts the error of a step. Artillery's Socket.IO engine ends the flow at an error but does not count it. */
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

/** The captured ack. Without one within `ackTimeout` socket.io-client passes only an error, so nothing is captured. */
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
