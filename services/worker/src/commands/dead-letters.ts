import type { DeadLetter, DeadLetters } from '@chat-cluster/domain';
import { createDeadLetters, openForCommand } from '@chat-cluster/postgres';
import { type LetterSummary, type ReplayResult, replayLetters, summaryOf } from '@chat-cluster/queue';
import { commonConfig, parseConfig, parseOptions, redisConfig, runMain, wholeNumber } from '@chat-cluster/runtime';
import { z } from 'zod';

const HELP = `dead-letters: entries that were accepted and could not be stored.

  list [--limit 50] [--json]     newest first: time, id, kind, conversation, sender, attempts, reason; no message text
  show <id>… [--json]            everything, including the text
  replay <id>… | --all [--json]  submits the entry to its lane again; deletes the letter when the entry is stored
  drop <id>… | --all             deletes the letter

Exit code 1: a letter was not found, or not replayed. Environment: DATABASE_URL, and for replay REDIS_URL and LANES;
npm run dead-letters takes them from the environment, otherwise from the cluster that runs on DATA_DIR.
`;

/** Letters that are read at a time. */
const PAGE = 100;

const optionsSchema = z.object({
  json: z.boolean().default(false),
  all: z.boolean().default(false),
  limit: wholeNumber(1).default(50),
});

type Request = z.output<typeof optionsSchema> & { letters: DeadLetters; ids: string[] };

await runMain(async () => {
  const parsed = parseOptions(process.argv.slice(2), optionsSchema, { positionals: true });
  const [verb = 'help', ...ids] = parsed?.positionals ?? [];
  const act = { list, show, replay, drop }[verb];
  if (!parsed || !act) {
    process.stdout.write(HELP);
    process.exitCode = verb === 'help' ? 0 : 1;
    return;
  }
  const { DATABASE_URL } = parseConfig(commonConfig.pick({ DATABASE_URL: true }), process.env);
  const db = await openForCommand(DATABASE_URL, 'chat-dead-letters');
  try {
    const isComplete = await act({ letters: createDeadLetters(db), ids, ...parsed.values });
    process.exitCode = isComplete ? 0 : 1;
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
  else for (const one of found) print(`${lineOf(summaryOf(one))}\n${JSON.stringify(JSON.parse(one.entry), null, 2)}`);
  return reportMissing(ids, found);
}

async function drop({ letters, ids, all }: Request): Promise<boolean> {
  const known = all ? (await everyLetter(letters)).map(({ id }) => id) : ids.filter(isUuid);
  let dropped = 0;
  for (let from = 0; from < known.length; from += PAGE) dropped += await letters.drop(known.slice(from, from + PAGE));
  print(`${dropped} dropped`);
  return all || dropped === ids.length;
}

async function replay({ letters, ids, all, json }: Request): Promise<boolean> {
  const found = all ? await everyLetter(letters) : await letters.find(ids.filter(isUuid));
  const showPage = (page: readonly ReplayResult[]) => {
    if (!json) for (const { id, done, outcome } of page) print(`${done ? '✔' : '✖'} ${id} ${outcome}`);
  };
  const results = found.length === 0 ? [] : await replayLetters(letters, found, replayConfig(), showPage);
  const done = results.filter((result) => result.done).length;
  const left = found.length - done;
  const hint = results.length < found.length ? ': no worker responds, is one running?' : '';
  print(json ? JSON.stringify({ replayed: done, left, results }, null, 2) : `${done} replayed, ${left} left${hint}`);
  return left === 0 && (all || reportMissing(ids, found));
}

function replayConfig() {
  return parseConfig(redisConfig.extend({ LANES: commonConfig.shape.LANES }), process.env);
}

async function everyLetter(letters: DeadLetters): Promise<DeadLetter[]> {
  const every: DeadLetter[] = [];
  for (let page = await letters.newest(PAGE); page.length > 0; page = await letters.newest(PAGE, page.at(-1))) {
    every.push(...page);
  }
  return every;
}

function lineOf({ at, id, kind, conversationId = '-', userId = '-', attempts, reason }: LetterSummary): string {
  return [at.toISOString(), id, kind, conversationId, userId, `${attempts}×`, reason].join('  ');
}

function reportMissing(ids: readonly string[], found: readonly DeadLetter[]): boolean {
  const known = new Set(found.map(({ id }) => id));
  const missing = ids.filter((id) => !known.has(id.toLowerCase()));
  for (const id of missing) process.stderr.write(`No dead letter has the id ${id}.\n`);
  if (ids.length === 0) process.stderr.write('Give one or more ids; list shows them.\n');
  return ids.length > 0 && missing.length === 0;
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
