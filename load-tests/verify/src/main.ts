import { runCommand } from '@chat-cluster/runtime';
import { checkHistory } from '@chat-cluster/testkit';
import { HELP, readOptions } from './options.ts';
import { loadHistory } from './report/saved-history.ts';
import { stopVerify, verify } from './verify.ts';

// A terminal and npm may both send a signal. All of them end the run, once.
let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!stopping) void stopVerify().finally(() => process.exit(130));
    stopping = true;
  });
}

await runCommand(async () => {
  const options = readOptions(process.argv.slice(2));
  if (!options) process.stdout.write(HELP);
  else if (options.check !== undefined) process.exitCode = checkSaved(options.check);
  else process.exitCode = await verify(options, (line) => process.stdout.write(`${line}\n`));
});

/** Checks a saved history again and prints the violations. Returns the exit code. */
function checkSaved(file: string): number {
  const { fault, seed, round, breaches, history } = loadHistory(file);
  const { violations, seen } = checkHistory(history);
  process.stdout.write(`${fault}, seed ${seed}, round ${round}: ${JSON.stringify(seen)}\n`);
  for (const { kind, detail } of violations) process.stdout.write(`  ${kind}: ${detail}\n`);
  for (const breach of breaches) process.stdout.write(`  expectation of the fault: ${breach}\n`);
  const found = violations.length + breaches.length;
  process.stdout.write(found === 0 ? 'The history keeps every promise.\n' : `The history breaks promises: ${found}.\n`);
  return found === 0 ? 0 : 1;
}
