/* `npm run check`: the gates, without the tests. */
import { parseOptions, runCommand } from '@chat-cluster/runtime';
import { z } from 'zod';
import { runGates } from './gates.ts';

const HELP = `npm run check

Type check, lint and prose check of the whole repository. Changes nothing. Exit code 1: something was found.
`;

await runCommand(async () => {
  if (!parseOptions(process.argv.slice(2), z.object({}))) {
    process.stdout.write(HELP);
    return;
  }
  const { failed } = await runGates();
  process.exitCode = failed > 0 ? 1 : 0;
});
