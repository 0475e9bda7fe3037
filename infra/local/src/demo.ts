/*
 * `npm run demo`: two users exchange messages through the running cluster with the stock socket.io-client, on two
 * gateways if there are two. Prints each event that they receive. Ends by itself within 15 s.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { loadEnvFile, readClusterFile, readDataDir, readSecret, signToken, until } from '@chat-cluster/local-cluster';
import { parseOptions, runCommand, UserError } from '@chat-cluster/runtime';
import { io, type Socket } from 'socket.io-client';
import { z } from 'zod';

const HELP = `npm run demo [-- --url http://host:port]: two users exchange messages through the running cluster.

Without --url it uses the cluster in DATA_DIR. With --url, JWT_SECRET must be the secret of that cluster.
`;

const TALK: readonly [speaker: 0 | 1, line: string][] = [
  [0, 'Hi Bob! Which gateway did you land on?'],
  [1, 'Not sure it matters, you sound the same from here.'],
  [0, 'Every line you read is already in Postgres, numbered.'],
  [1, 'So if my train enters a tunnel …'],
  [0, '… you ask for what you missed, and nothing is lost.'],
];

/** Time limits of the demo and of one step, in ms. */
const ALL_WITHIN_MS = 14_000;
const STEP_WITHIN_MS = 4_000;
/** Most connects of the second user, until it is on another gateway. With two, 1 of 256 runs stays on one gateway. */
const GATEWAY_ATTEMPTS = 8;

interface Person {
  name: string;
  user: string;
  color: 'cyan' | 'magenta';
  socket: Socket;
  gateway: string;
  /** `seqs` of the received messages, in order of arrival. */
  received: { seqs: number[]; messagesRead: number; badge: number };
}

await runCommand(async () => {
  const options = parseOptions(process.argv.slice(2), z.object({ url: z.string().optional() }));
  if (!options) {
    process.stdout.write(HELP);
    return;
  }
  loadEnvFile();
  setTimeout(() => {
    process.stderr.write('The demo did not end within 15 s: the cluster responds too slowly.\n');
    process.exit(1);
  }, ALL_WITHIN_MS).unref();
  await demonstrate(findCluster(options.values.url));
});
process.exit();

async function demonstrate({ url, secret, gateways }: Target): Promise<void> {
  const suffix = randomBytes(2).toString('hex');
  const [alice, bob] = [`alice-${suffix}`, `bob-${suffix}`];
  const conversationId = await openConversation(url, signToken(alice, secret), bob);
  print(
    `${styleText('bold', alice)} and ${styleText('bold', bob)} use conversation ${styleText('dim', conversationId)} ` +
      `at ${url}\n`,
  );

  const first = await connectPerson(url, secret, 'Alice', alice, 'cyan');
  const second = await connectElsewhere(url, secret, bob, first.gateway, gateways);
  const people: [Person, Person] = [first, second];
  for (const person of people) print(`${label(person)} connected to ${styleText('bold', person.gateway)}`);
  const hint = gateways === 1 ? '; with GATEWAY_PROCESSES=2 or more the messages cross gateways' : '';
  print(first.gateway === second.gateway ? styleText('dim', `(both on one gateway${hint})\n`) : '');

  for (const [index, [speaker, line]] of TALK.entries())
    await sendLine(people, speaker, line, conversationId, index + 1);
  for (const person of people) await markRead(person, conversationId);
  const isQuiet = ({ received: { seqs, messagesRead, badge } }: Person) =>
    seqs.length >= TALK.length && badge === 0 && messagesRead >= 2;
  const arrived = await until(() => people.every(isQuiet) || undefined, { withinMs: STEP_WITHIN_MS });

  for (const { socket } of people) socket.disconnect();
  if (!arrived)
    throw new UserError(`Not every message, badge and read mark arrived within ${STEP_WITHIN_MS / 1000} s.`);
  const expected = TALK.map((_, index) => index + 1).join();
  const wrong = people.find(({ received }) => received.seqs.join() !== expected);
  if (wrong) throw new UserError(`${wrong.user} received messages ${wrong.received.seqs}, not ${expected}.`);
  print(`\n${styleText('green', '✔')} ${TALK.length} lines, each stored once, in one order, received on both sides.`);
}

interface Target {
  url: string;
  secret: string;
  gateways: number | undefined;
}

function findCluster(url: string | undefined): Target {
  const dataDir = readDataDir(process.env);
  const running = readClusterFile(dataDir);
  if (url === undefined && !running)
    throw new UserError(`No cluster runs on ${dataDir}: run npm start first, or pass --url.`);
  const secret = process.env.JWT_SECRET || readSecret(join(dataDir, 'jwt-secret'));
  if (!secret) throw new UserError('Set JWT_SECRET to the secret of that cluster.');
  if (url !== undefined) return { url: url.replace(/\/+$/, ''), secret, gateways: undefined };
  return { url: running?.url ?? '', secret, gateways: running?.gateways.length };
}

async function openConversation(url: string, token: string, participantId: string): Promise<string> {
  const response = await fetch(`${url}/api/conversations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ participantId }),
    signal: AbortSignal.timeout(STEP_WITHIN_MS),
  }).catch((error: Error) => {
    throw new UserError(`${url} does not respond (${(error.cause as Error | undefined)?.message ?? error.message}).`);
  });
  const body = (await response.json().catch(() => ({}))) as { id?: string; error?: { message: string } };
  if (response.ok && body.id) return body.id;
  throw new UserError(
    `${url} refused to open a conversation (${response.status} ${body.error?.message ?? response.statusText}).`,
  );
}

async function connectElsewhere(
  url: string,
  secret: string,
  user: string,
  taken: string,
  gateways: number | undefined,
) {
  const attempts = gateways === 1 ? 1 : GATEWAY_ATTEMPTS;
  for (let attempt = 1; ; attempt++) {
    const person = await connectPerson(url, secret, 'Bob', user, 'magenta');
    if (person.gateway !== taken || attempt >= attempts) return person;
    person.socket.disconnect();
  }
}

async function connectPerson(url: string, secret: string, name: string, user: string, color: Person['color']) {
  const socket = io(url, { auth: { token: signToken(user, secret) }, forceNew: true, reconnection: false });
  const received = { seqs: [], messagesRead: 0, badge: 0 };
  const person: Person = { name, user, color, socket, gateway: '', received };
  const session = new Promise<{ gatewayId: string }>((resolve, reject) => {
    socket.once('session', resolve).once('connect_error', (error: Error & { data?: { code?: string } }) => {
      const why = error.data?.code ?? error.message;
      reject(
        new UserError(`${url} refused the connection of ${user} (${why}): is JWT_SECRET the one of that cluster?`),
      );
    });
  });
  listen(person);
  person.gateway = (await session).gatewayId;
  return person;
}

function listen(person: Person): void {
  const { socket, received, user } = person;
  socket.on('new_message', (message: { seq: number; senderId: string; content: string }) => {
    received.seqs.push(message.seq);
    const from = message.senderId === user ? 'own' : 'new';
    print(`${label(person)} ${styleText('dim', `receives new_message #${message.seq} (${from})`)} ${message.content}`);
  });
  socket.on('unread_count', ({ count }: { count: number }) => {
    received.badge = count;
    // Every connection receives its badge. The zero of an empty mailbox is not printed.
    if (count > 0 || received.seqs.length > 0)
      print(`${label(person)} ${styleText('dim', `receives unread_count ${count}`)}`);
  });
  socket.on('messages_read', (mark: { userId: string; upToSeq: number }) => {
    received.messagesRead++;
    const who = mark.userId === user ? 'own' : mark.userId;
    print(`${label(person)} ${styleText('dim', `receives messages_read: ${who} up to #${mark.upToSeq}`)}`);
  });
}

type Ack = { ok: true; duplicate?: boolean } | { ok: false; error: { code: string; message: string } };

async function sendLine(
  people: [Person, Person],
  speaker: 0 | 1,
  content: string,
  conversationId: string,
  count: number,
) {
  const person = people[speaker];
  print(`${label(person)} ${styleText('bold', 'sends')} ${content}`);
  const payload = { conversationId, content, clientMessageId: randomUUID() };
  check((await person.socket.timeout(STEP_WITHIN_MS).emitWithAck('send_message', payload)) as Ack);
  const other = people[speaker === 0 ? 1 : 0];
  const arrived = await until(() => other.received.seqs.length >= count || undefined, { withinMs: STEP_WITHIN_MS });
  if (!arrived) throw new UserError(`${other.user} did not receive the line within ${STEP_WITHIN_MS / 1000} s.`);
}

async function markRead(person: Person, conversationId: string): Promise<void> {
  print(`${label(person)} ${styleText('bold', 'reads')}`);
  check((await person.socket.timeout(STEP_WITHIN_MS).emitWithAck('read_messages', { conversationId })) as Ack);
}

function check(ack: Ack): void {
  if (!ack.ok) throw new UserError(`The gateway returned ${ack.error.code}: ${ack.error.message}`);
}

function label(person: Person): string {
  return styleText(person.color, `${person.name.padEnd(5)} ${styleText('dim', `[${person.gateway}]`)}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
