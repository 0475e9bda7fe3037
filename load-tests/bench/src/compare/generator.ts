/*
 * The load generator: one process with all of the devices, the same for every arm (wire.ts tells what it hears and says).
 */
import { connectSocketIo } from './socketio-connection.ts';
import { type ConnectedPair, Traffic } from './traffic.ts';
import type { Connection, Device, FromGenerator, Hearing, PlannedPair, Protocol, ToGenerator } from './wire.ts';
import { connectXmpp } from './xmpp-connection.ts';

/** So many connect at a time: connecting is not what is measured. */
const AT_ONCE = 50;

let pairs: ConnectedPair[] = [];
let arm = { devicesPerMessage: 2, acks: true };
let traffic: Traffic | undefined;
let death: string | undefined;
let runs = 0;

process.on('disconnect', () => process.exit());
process.on('message', (message: ToGenerator) => {
  carryOut(message).then(tell, (error: Error) => tell({ type: 'failed', reason: error.message }));
});

async function carryOut(message: ToGenerator): Promise<FromGenerator> {
  if (message.type === 'connect') {
    arm = message;
    pairs = await inGroups(message.pairs, (pair, i) => connectPair(message.protocol, pair, i));
    return { type: 'connected' };
  }
  if (message.type === 'hold') {
    const idle: Hearing = { message() {}, closed: die };
    await inGroups(message.devices, (device) => connect(message.protocol, device, idle));
    return { type: 'connected' };
  }
  traffic = new Traffic(pairs, message.run, arm, runs++);
  if (death !== undefined) traffic.die(death);
  return { type: 'outcome', outcome: await traffic.run() };
}

async function connectPair(protocol: Protocol, pair: PlannedPair, i: number): Promise<ConnectedPair> {
  const hearing = (device: 0 | 1): Hearing => ({
    message: (id) => traffic?.hear(i, device, id),
    closed: die,
  });
  const [a, b] = pair.devices;
  const connections = await Promise.all([connect(protocol, a, hearing(0)), connect(protocol, b, hearing(1))]);
  return { conversationId: pair.conversationId, users: [a.user, b.user], connections };
}

function connect(protocol: Protocol, device: Device, hearing: Hearing): Promise<Connection> {
  return protocol === 'xmpp' ? connectXmpp(device, hearing) : connectSocketIo(device, arm.acks, hearing);
}

function die(why: string): void {
  death ??= why;
  traffic?.die(why);
}

async function inGroups<Item, Result>(items: readonly Item[], make: (item: Item, i: number) => Promise<Result>) {
  const made: Result[] = [];
  for (let from = 0; from < items.length; from += AT_ONCE) {
    const group = items.slice(from, from + AT_ONCE);
    made.push(...(await Promise.all(group.map((item, i) => make(item, from + i)))));
  }
  return made;
}

function tell(message: FromGenerator): void {
  process.send?.(message);
}
