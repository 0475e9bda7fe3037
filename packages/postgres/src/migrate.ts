import { parseConfig, runMain } from '@chat-cluster/runtime';
import { z } from 'zod';
import { openDatabase } from './database.ts';
import { migrate } from './migrator.ts';

/** The command that brings a database up to date: `DATABASE_URL=… node packages/postgres/src/migrate.ts` */
await runMain(async () => {
  const { DATABASE_URL } = parseConfig(z.object({ DATABASE_URL: z.string() }), process.env);
  const db = openDatabase({ url: DATABASE_URL, poolSize: 1, applicationName: 'chat-migrate', onError: () => {} });
  try {
    const results = await migrate(db);
    for (const result of results) process.stdout.write(`migrated: ${result.migrationName}\n`);
    if (results.length === 0) process.stdout.write('the schema is up to date\n');
  } finally {
    await db.destroy();
  }
});
