import { clusterSecret, loadEnvFile, readDataDir, signToken } from '@chat-cluster/local-cluster';
import { parseOptions, runCommand, seconds, UserError } from '@chat-cluster/runtime';
import { z } from 'zod';

const HELP = `npm run token -- --user alice [--ttl 24h] [--secret …]: prints a token of a user, nothing else.

  --user     the user id, 1 to 64 characters
  --ttl      lifetime: a number with s, m, h or d (default 24h)
  --secret   default: JWT_SECRET, else the secret of the cluster in DATA_DIR

The claims follow JWT_ISSUER, JWT_AUDIENCE and JWT_USER_CLAIM, as in the gateways.

In a script: TOKEN=$(npm run --silent token -- --user alice)
`;

const OPTIONS = z.object({
  user: z.string().min(1, 'must have 1 to 64 characters').max(64, 'must have 1 to 64 characters'),
  ttl: seconds(1).default(86_400),
  secret: z.string().optional(),
});

await runCommand(async () => {
  const options = parseOptions(process.argv.slice(2), OPTIONS);
  if (!options) {
    process.stdout.write(HELP);
    return;
  }
  const { user, ttl, secret } = options.values;
  loadEnvFile();
  process.stdout.write(`${signToken(user, secret ?? localSecret(), ttl, process.env)}\n`);
});

/** JWT_SECRET, else the secret that `npm start` generated. Throws UserError when there is neither. */
function localSecret(): string {
  const secret = clusterSecret();
  if (secret) return secret;
  throw new UserError(
    `No cluster has been started on ${readDataDir(process.env)}, so there is no secret yet: run npm start first, or pass --secret.`,
  );
}
