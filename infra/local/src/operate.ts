/*
 * The commands of operators: `npm run dead-letters`, `npm run unread`, `npm run renew-epoch` and `npm run doctor`. They
 * take DATABASE_URL, the REDIS_… variables, LANES and RECOUNT_LANES (doctor also its URL and JWT_SECRET) from the
 * environment. Variables that are not set come from the cluster that runs on DATA_DIR.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  loadEnvFile,
  readClusterFile,
  readDataDir,
  readSecret,
  readServersFile,
  repository,
} from '@chat-cluster/local-cluster';
import { runCommand, UserError } from '@chat-cluster/runtime';

const MAIN: Readonly<Record<string, string>> = {
  'dead-letters': 'services/worker/src/commands/dead-letters.ts',
  unread: 'services/worker/src/commands/unread.ts',
  'renew-epoch': 'services/worker/src/commands/renew-epoch.ts',
  doctor: 'infra/doctor/src/main.ts',
};

const [command = '', ...args] = process.argv.slice(2);

await runCommand(async () => {
  const file = MAIN[command];
  if (file === undefined) throw new UserError(`There is no command "${command}".`);
  loadEnvFile();
  const dataDir = readDataDir(process.env);
  const help = args.some((arg) => ['--help', '-h'].includes(arg));
  // With --url, doctor checks another deployment and must not use the settings of this cluster.
  if (command !== 'doctor' || !args.some((arg) => arg.startsWith('--url'))) {
    addMissingVariables(dataDir);
    const cluster = readClusterFile(dataDir);
    if (command === 'doctor' && cluster) {
      const gateway = cluster.processes.find(({ name }) => name.startsWith('gateway'));
      const admin = gateway?.adminPort && !args.some((arg) => arg.startsWith('--admin'));
      args.push('--url', cluster.url, ...(admin ? ['--admin', `http://127.0.0.1:${gateway.adminPort}`] : []));
    }
    if (!process.env.DATABASE_URL && !help && (args.length > 0 || command === 'doctor')) {
      const elsewhere =
        command === 'doctor' ? 'pass --url' : 'set DATABASE_URL, REDIS_URL and LANES to those of another one';
      throw new UserError(`No cluster runs on ${dataDir}: run npm start first, or ${elsewhere}.`);
    }
  }
  const main = join(repository, file);
  process.argv = [process.execPath, main, ...args];
  await import(pathToFileURL(main).href);
});

/** Sets variables that are missing in the environment to the values of the cluster that runs on `dataDir`. */
function addMissingVariables(dataDir: string): void {
  const servers = readServersFile(dataDir);
  if (!servers) return;
  const values = {
    DATABASE_URL: servers.databaseUrl,
    REDIS_URL: servers.redisUrl,
    JWT_SECRET: readSecret(join(dataDir, 'jwt-secret')),
    ...servers.variables,
  };
  for (const [name, value] of Object.entries(values)) {
    if (!process.env[name] && value !== undefined) process.env[name] = value;
  }
}
