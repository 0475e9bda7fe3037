import { UserError } from '@chat-cluster/runtime';
import { checkHistory } from '@chat-cluster/testkit';
import { parseOptions } from './options.ts';
import { loadHistory } from './saved-history.ts';
import { stopVerify, verify } from './verify.ts';

// Several signals may come, from a terminal and from npm; they mean the same.
let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!stopping) void stopVerify().finally(() => process.exit(130));
    stopping = true;
  });
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options?.check !== undefined) process.exitCode = checkAgain(options.check);
  else if (options) process.exitCode = await verify(options, (line) => process.stdout.write(`${line}\n`));
} catch (error) {
  process.stderr.write(`✖ ${error instanceof UserError ? error.message : (error as Error).stack}\n`);
  process.exitCode = 1;
}

function checkAgain(file: string): number {
  const { fault, seed, round, breaches, history } = loadHistory(file);
  const { violations, seen } = checkHistory(history);
  process.stdout.write(`${fault}, seed ${seed}, round ${round}: ${JSON.stringify(seen)}\n`);
  for (const { kind, detail } of violations) process.stdout.write(`  ${kind}: ${detail}\n`);
  for (const breach of breaches) process.stdout.write(`  rule of the fault: ${breach}\n`);
  const found = violations.length + breaches.length;
  process.stdout.write(found === 0 ? 'The history keeps every promise.\n' : `The history breaks promises: ${found}.\n`);
  return found === 0 ? 0 : 1;
}
