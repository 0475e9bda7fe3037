/*
 * `npm run demo`: two users exchange messages through the running cluster with the client library, on two gateways if
 * there are two. Prints each event that they receive. Ends by itself within 15 s.
 */
import { randomBytes } from 'node:crypto';
import { styleText } from 'node:util';
import { type ChatClient, type Conversation, createChatClient } from '@chat-cluster/client';
import { clusterSecret, findCluster, loadEnvFile, signToken, until } from '@chat-cluster/local-cluster';
import { parseOptions, runCommand, UserError } from '@chat-cluster/runtime';
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
/** Lifetime of a token, in s. */
const DEMO_TOKEN_S = 3_600;
/** Most connects of the second user, until it is on another gateway. With two, 1 of 256 runs stays on one gateway. */
const GATEWAY_ATTEMPTS = 8;

interface Person {
  name: string;
  user: string;
  color: 'cyan' | 'magenta';
  chat: ChatClient;
  gateway: string;
  /** `seqs` of the received messages, in order of arrival. */
  received: { seqs: number[]; marks: number };
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
  await demonstrate(findTarget(options.values.url));
});
process.exit();

async function demonstrate(target: Target): Promise<void> {
  const { url, gateways } = target;
  const suffix = randomBytes(2).toString('hex');
  const [alice, bob] = [`alice-${suffix}`, `bob-${suffix}`];
  const first = await connectPerson(target, 'Alice', alice, 'cyan');
  const { id } = await first.chat.direct(bob).catch((error: Error) => {
    throw new UserError(`${url} did not open a conversation: ${error.message}`);
  });
  print(
    `${styleText('bold', alice)} and ${styleText('bold', bob)} use conversation ${styleText('dim', id)} at ${url}\n`,
  );
  const second = await connectElsewhere(target, bob, first.gateway);
  const people: [Person, Person] = [first, second];
  for (const person of people) print(`${label(person)} connected to ${styleText('bold', person.gateway)}`);
  const hint = gateways === 1 ? '; with GATEWAY_PROCESSES=2 or more the messages cross gateways' : '';
  print(first.gateway === second.gateway ? styleText('dim', `(both on one gateway${hint})\n`) : '');

  for (const [index, [speaker, line]] of TALK.entries())
    await sendLine(people, speaker, line, { id, count: index + 1 });
  for (const person of people) {
    print(`${label(person)} ${styleText('bold', 'reads')}`);
    person.chat.conversation(id).read();
  }
  const isQuiet = ({ chat, received: { seqs, marks } }: Person) =>
    seqs.length >= TALK.length && chat.badge === 0 && marks >= 2;
  const arrived = await until(() => people.every(isQuiet) || undefined, { withinMs: STEP_WITHIN_MS });

  for (const { chat } of people) await chat.close();
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

function findTarget(url: string | undefined): Target {
  const cluster = findCluster(url);
  const secret = clusterSecret();
  if (!secret) throw new UserError('Set JWT_SECRET to the secret of that cluster.');
  return { ...cluster, secret };
}

async function connectElsewhere(target: Target, user: string, taken: string): Promise<Person> {
  const attempts = target.gateways === 1 ? 1 : GATEWAY_ATTEMPTS;
  for (let attempt = 1; ; attempt++) {
    const person = await connectPerson(target, 'Bob', user, 'magenta');
    if (person.gateway !== taken || attempt >= attempts) return person;
    await person.chat.close();
  }
}

async function connectPerson(
  { url, secret }: Target,
  name: string,
  user: string,
  color: Person['color'],
): Promise<Person> {
  const chat = createClient(url, () => signToken(user, secret, DEMO_TOKEN_S, process.env));
  const person: Person = { name, user, color, chat, gateway: '', received: { seqs: [], marks: 0 } };
  listen(person);
  chat.connect();
  await until(() => ['live', 'unauthorized'].includes(chat.status.state) || undefined, { withinMs: STEP_WITHIN_MS });
  const { state, gatewayId, error } = chat.status;
  if (state === 'live') return Object.assign(person, { gateway: gatewayId });
  await chat.close();
  throw new UserError(
    state === 'unauthorized'
      ? `${url} refused the connection of ${user} (${error?.code}): is JWT_SECRET the one of that cluster?`
      : `${url} did not accept a connection within ${STEP_WITHIN_MS / 1000} s. Check that the cluster runs there.`,
  );
}

function createClient(url: string, getToken: () => string): ChatClient {
  try {
    return createChatClient({ url, getToken });
  } catch (error) {
    throw new UserError((error as Error).message);
  }
}

function listen(person: Person): void {
  const { chat, received, user } = person;
  const event = (text: string) => styleText('dim', `receives ${text}`);
  chat.on('message', ({ seq, senderId, content }) => {
    received.seqs.push(seq);
    print(`${label(person)} ${event(`message #${seq} (${senderId === user ? 'own' : 'new'})`)} ${content}`);
  });
  chat.on('badge', (count) => {
    // Every connection receives its badge. The zero of an empty mailbox is not printed.
    if (count > 0 || received.seqs.length > 0) print(`${label(person)} ${event(`badge ${count}`)}`);
  });
  chat.on('read', ({ userId, upToSeq }) => {
    received.marks++;
    print(`${label(person)} ${event(`read: ${(userId as string) === user ? 'own' : userId} up to #${upToSeq}`)}`);
  });
}

async function sendLine(
  people: [Person, Person],
  speaker: 0 | 1,
  content: string,
  { id, count }: Pick<Conversation, 'id'> & { count: number },
): Promise<void> {
  const person = people[speaker];
  print(`${label(person)} ${styleText('bold', 'sends')} ${content}`);
  await person.chat
    .conversation(id)
    .send(content)
    .stored.catch((error: Error) => {
      throw new UserError(`The line was not stored: ${error.message}`);
    });
  const other = people[speaker === 0 ? 1 : 0];
  const arrived = await until(() => other.received.seqs.length >= count || undefined, { withinMs: STEP_WITHIN_MS });
  if (!arrived) throw new UserError(`${other.user} did not receive the line within ${STEP_WITHIN_MS / 1000} s.`);
}

function label(person: Person): string {
  return styleText(person.color, `${person.name.padEnd(5)} ${styleText('dim', `[${person.gateway}]`)}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
