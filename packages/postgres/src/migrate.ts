import { runMain } from '@chat-cluster/runtime';
import { migrateCommand } from './migrate-command.ts';

/** The command that brings a database up to date: `DATABASE_URL=… node packages/postgres/src/migrate.ts` */
await runMain(async () => {
  process.exitCode = await migrateCommand(process.argv.slice(2));
});
