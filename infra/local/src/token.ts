import { join } from 'node:path';
import { readFlags, runCommand } from './command.ts';
import { readSecret } from './secret-file.ts';
import { loadEnvFile, readDataDir } from './settings.ts';
import { signToken } from './sign-token.ts';
import { UserError } from './user-error.ts';

const HELP = `npm run token -- --user alice [--ttl 24h] [--secret …]: prints a token of a user, nothing else.

  --user     the user id, 1 to 64 characters
  --ttl      how long it is good: a number with s, m, h or d (default 24h)
  --secret   default: JWT_SECRET, else the secret of the cluster in DATA_DIR

In a script: TOKEN=$(npm run --silent token -- --user alice)
`;

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

await runCommand(async () => {
  const flags = readFlags(process.argv.slice(2), ['user', 'ttl', 'secret']);
  if (flags.help) {
    process.stdout.write(HELP);
    return;
  }
  const user = flags.user;
  if (!user || user.length > 64)
    throw new UserError('Name a user of 1 to 64 characters: npm run token -- --user alice.');
  const ttl = readTtl(flags.ttl ?? '24h');
  loadEnvFile();
  process.stdout.write(`${signToken(user, flags.secret ?? clusterSecret(), ttl)}\n`);
});

function readTtl(text: string): number {
  const [, amount = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ttl = Number(amount) * (UNIT_SECONDS[unit] ?? 0);
  if (ttl > 0) return ttl;
  throw new UserError(`--ttl must be a number with s, m, h or d, such as 90s or 24h, not "${text}".`);
}

/** JWT_SECRET, else the one that `npm start` made. Throws UserError when there is neither. */
function clusterSecret(): string {
  const dataDir = readDataDir(process.env);
  const secret = process.env.JWT_SECRET || readSecret(join(dataDir, 'jwt-secret'));
  if (secret) return secret;
  throw new UserError(
    `No cluster was ever started on ${dataDir}, so there is no secret yet: run npm start first, or give --secret.`,
  );
}
