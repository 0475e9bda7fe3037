/** Command that migrates a database: `DATABASE_URL=… node packages/postgres/src/migrate.ts`, see --help. */
import { runMain } from '@chat-cluster/runtime';
import { migrateCommand } from './migrate-command.ts';

await runMain(async () => {
  process.exitCode = await migrateCommand(process.argv.slice(2));
});
