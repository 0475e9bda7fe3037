import { parseArgs } from 'node:util';
import type { DeadLetter, DeadLetters } from '@chat-cluster/domain';
import { createDeadLetters, openDatabase } from '@chat-cluster/postgres';
import { commonConfig, parseConfig, redisConfig, runMain } from '@chat-cluster/runtime';
import { openReplay, type ReplayResult } from '../dead-letters/replay-dead-letters.ts';

const HELP = `dead-letters: what was accepted and could not be stored, kept for you to look at.

  list [--limit 50] [--json]     newest first: time, id, kind, conversation, sender, attempts, reason; no message text
  show <id>… [--json]            all of it, text included
  replay <id>… | --all [--json]  submits it to its lane again; forgets it once it is stored, or was already
  drop <id>… | --all             forgets it

Exit code 1: something was not found, or not replayed. Environment: DATABASE_URL, and for replay REDIS_URL and LANES;
npm run dead-letters takes them from the environment, else from the cluster that runs on DATA_DIR.
`;

/** A page of letters, and the letters that leave for the lanes together. */
const PAGE = 100;

interface Request {
  letters: DeadLetters;
  ids: string[];
  all: boolean;
  json: boolean;
  limit: number;
}

await runMain(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      json: { type: 'boolean', default: false },
      all: { type: 'boolean', default: false },
      limit: { type: 'string', default: '50' },
    },
  });
  const [verb = 'help', ...ids] = positionals;
  const act = { list, show, replay, drop }[verb];
  if (values.help || !act) {
    process.stdout.write(HELP);
    process.exitCode = values.help || verb === 'help' ? 0 : 1;
    return;
  }
  const { DATABASE_URL } = parseConfig(commonConfig.pick({ DATABASE_URL: true }), process.env);
  const db = openDatabase({ url: DATABASE_URL, poolSize: 1, applicationName: 'chat-dead-letters', onError: () => {} });
  try {
    const limit = Math.max(1, Number.parseInt(values.limit, 10) || 50);
    const done = await act({ letters: createDeadLetters(db), ids, all: values.all, json: values.json, limit });
    process.exitCode = done ? 0 : 1;
  } finally {
    await db.destroy();
  }
});

async function list({ letters, json, limit }: Request): Promise<boolean> {
  const rows = (await letters.newest(limit)).map(summaryOf);
  if (json) print(JSON.stringify(rows, null, 2));
  else if (rows.length === 0) print('No dead letters.');
  else for (const row of rows) print(lineOf(row));
  const total = await letters.count(100_000);
  if (!json && total > rows.length) print(`… and ${total - rows.length} more; --limit shows them.`);
  return true;
}

async function show({ letters, ids, json }: Request): Promise<boolean> {
  const found = await letters.find(ids.filter(isUuid));
  const shown = found.map((letter) => ({ ...letter, entry: JSON.parse(letter.entry) as unknown }));
  if (json) print(JSON.stringify(shown, null, 2));
  else
    for (const { entry, ...letter } of shown)
      print(`${lineOf(summaryOf({ ...letter, entry: JSON.stringify(entry) }))}\n${JSON.stringify(entry, null, 2)}`);
  return tellMissing(ids, found);
}

async function drop({ letters, ids, all }: Request): Promise<boolean> {
  const known = all ? (await everyLetter(letters)).map(({ id }) => id) : ids.filter(isUuid);
  let dropped = 0;
  for (let from = 0; from < known.length; from += PAGE) dropped += await letters.drop(known.slice(from, from + PAGE));
  print(`${dropped} dropped`);
  return all || dropped === ids.length;
}

/** Oldest first, as they were kept, so that what one user sent keeps its order. */
async function replay({ letters, ids, all, json }: Request): Promise<boolean> {
  const found = all ? await everyLetter(letters) : await letters.find(ids.filter(isUuid));
  const inOrder = found.sort((a, b) => a.at.getTime() - b.at.getTime() || (a.id < b.id ? -1 : 1));
  const results: ReplayResult[] = [];
  if (inOrder.length > 0) {
    await using lanes = await openReplay(
      parseConfig(redisConfig.extend({ LANES: commonConfig.shape.LANES }), process.env),
    );
    for (let from = 0; from < inOrder.length; from += PAGE) {
      const share = await lanes.replay(inOrder.slice(from, from + PAGE));
      await letters.drop(share.filter(({ done }) => done).map(({ id }) => id));
      results.push(...share);
      if (!json) for (const { id, done, outcome } of share) print(`${done ? '✔' : '✖'} ${id} ${outcome}`);
      if (share.every(({ answered }) => !answered)) break;
    }
  }
  const done = results.filter((result) => result.done).length;
  const left = found.length - done;
  if (json) print(JSON.stringify({ replayed: done, left, results }, null, 2));
  else
    print(
      `${done} replayed, ${left} left${results.length < found.length ? ': nobody answers, are workers running?' : ''}`,
    );
  return left === 0 && (all || tellMissing(ids, found));
}

async function everyLetter(letters: DeadLetters): Promise<DeadLetter[]> {
  const every: DeadLetter[] = [];
  for (let page = await letters.newest(PAGE); page.length > 0; page = await letters.newest(PAGE, page.at(-1))) {
    every.push(...page);
  }
  return every;
}

function summaryOf({ entry, ...letter }: DeadLetter) {
  const content = JSON.parse(entry) as { [key: string]: unknown } | null;
  const text = (key: string) => (typeof content?.[key] === 'string' ? content[key] : '-');
  return {
    ...letter,
    kind: text('kind'),
    conversationId: text('conversationId'),
    senderId: text(content?.kind === 'read' ? 'userId' : 'senderId'),
  };
}

function lineOf({ at, id, kind, conversationId, senderId, attempts, reason }: ReturnType<typeof summaryOf>): string {
  return [at.toISOString(), id, kind, conversationId, senderId, `${attempts}×`, reason].join('  ');
}

function tellMissing(ids: readonly string[], found: readonly DeadLetter[]): boolean {
  const known = new Set(found.map(({ id }) => id));
  const missing = ids.filter((id) => !known.has(id.toLowerCase()));
  for (const id of missing) process.stderr.write(`No dead letter has the id ${id}.\n`);
  if (ids.length === 0) process.stderr.write('Name one or more ids; list shows them.\n');
  return ids.length > 0 && missing.length === 0;
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
