import { migrateCommand } from '@chat-cluster/postgres';
import { runMain } from '@chat-cluster/runtime';
import { WITH_NEXT } from './next-migrations.ts';

/** The command of packages/postgres, in a version that has more migrations than this one. */
await runMain(async () => {
  process.exitCode = await migrateCommand(process.argv.slice(2), WITH_NEXT);
});
