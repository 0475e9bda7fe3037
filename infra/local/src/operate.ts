/*
 * `npm run dead-letters` and `npm run unread`: the commands of the worker, run on the cluster of this machine. They get
 * DATABASE_URL, REDIS_URL and LANES from the environment, else from the cluster that runs on DATA_DIR.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readServersFile } from './cluster-file.ts';
import { runCommand } from './command.ts';
import { repository } from './repository.ts';
import { loadEnvFile, readDataDir } from './settings.ts';
import { UserError } from './user-error.ts';

const [command = '', ...args] = process.argv.slice(2);

await runCommand(async () => {
  if (!['dead-letters', 'unread'].includes(command)) throw new UserError(`There is no command "${command}".`);
  loadEnvFile();
  const dataDir = readDataDir(process.env);
  const servers = readServersFile(dataDir);
  const known = {
    DATABASE_URL: servers?.databaseUrl,
    REDIS_URL: servers?.redisUrl,
    LANES: servers?.lanes,
    ...servers?.redis,
  };
  for (const [name, value] of Object.entries(known)) {
    if (!process.env[name] && value !== undefined) process.env[name] = String(value);
  }
  if (!process.env.DATABASE_URL && !args.some((arg) => ['--help', '-h'].includes(arg)) && args.length > 0) {
    throw new UserError(
      `No cluster runs on ${dataDir}: run npm start first, or set DATABASE_URL, REDIS_URL and LANES to those of another.`,
    );
  }
  const main = join(repository, 'services/worker/src', `${command}.ts`);
  process.argv = [process.execPath, main, ...args];
  await import(pathToFileURL(main).href);
});
