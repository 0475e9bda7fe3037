import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadEnvFile, readClusterFile, readDataDir, readSecret, signToken } from '@chat-cluster/local-cluster';
import { UserError } from '@chat-cluster/runtime';
import type { LeanTls } from '@chat-cluster/testkit/lean-client';
import { Api } from './api.ts';
import { Device } from './device.ts';
import { Meter } from './meter.ts';
import type { LoadOptions } from './options.ts';
import type { User } from './protocol.ts';

export interface Target {
  url: string;
  tls: LeanTls | undefined;
  /** Users that talk, and users that are only connected. */
  talking: User[];
  idle: User[];
}

const CONNECT_MS = 10_000;

/** The cluster and the users of a run, whose names begin with `run` unless tokens were given. Throws UserError. */
export function findTarget(options: LoadOptions, run: string): Target {
  loadEnvFile();
  const dataDir = readDataDir(process.env);
  const url = options.url ?? readClusterFile(dataDir)?.url;
  if (url === undefined) throw new UserError(`No cluster runs on ${dataDir}: run npm start first, or give --url.`);
  const ca = options.ca === undefined ? undefined : read(options.ca, '--ca');
  const tls = { ...(ca === undefined ? {} : { ca }), insecure: options.insecure };
  const place = { url: url.replace(/\/+$/, ''), tls: url.startsWith('https:') ? tls : undefined };
  if (options.tokens !== undefined) return { ...place, ...usersOfFile(options.tokens, options) };
  const secret =
    options.secretFile === undefined
      ? process.env.JWT_SECRET || readSecret(join(dataDir, 'jwt-secret'))
      : read(options.secretFile, '--secret-file');
  if (!secret) throw new UserError('Set JWT_SECRET to the secret of that cluster, or give --secret-file or --tokens.');
  const make = (kind: string, count: number) =>
    Array.from({ length: count }, (_, i): User => {
      const userId = `load-${run}-${kind}${i + 1}`;
      return { userId, token: signToken(userId, secret) };
    });
  return { ...place, talking: make('', even(options.users ?? 0)), idle: make('idle-', options.idle) };
}

/** Opens a conversation and connects one device, so that what is wrong is told once, and before thousands try. Throws UserError. */
export async function tryTarget({ url, tls, talking }: Target): Promise<void> {
  const [first, second] = talking;
  if (!first || !second) throw new UserError('At least two users are needed.');
  const api = new Api(url, tls);
  await api.openConversation(first.token, second.userId, 0).finally(() => api.close());
  const device = new Device(first, { url, tls, meter: new Meter(), content: '', resend: true });
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing within ${CONNECT_MS / 1_000} s`)), CONNECT_MS);
      device.connect((why) => reject(new Error(why))).then(resolve, reject);
    });
  } catch (error) {
    throw new UserError(`${url} answers HTTP, but lets no websocket in (${(error as Error).message}).`);
  } finally {
    clearTimeout(timer);
    device.close();
  }
}

function usersOfFile(file: string, { users, idle }: LoadOptions): Pick<Target, 'talking' | 'idle'> {
  const tokens = read(file, '--tokens').split(/\s+/).filter(Boolean);
  const talking = even(users ?? tokens.length - idle);
  if (tokens.length < talking + idle || talking < 2) {
    throw new UserError(`${file} has ${tokens.length} tokens, and ${Math.max(2, talking) + idle} are wanted.`);
  }
  const all = tokens.slice(0, talking + idle).map((token, i): User => ({ userId: userOf(token, i + 1), token }));
  if (new Set(all.map(({ userId }) => userId)).size < all.length) {
    throw new UserError(`${file} has two tokens of one user; each line must be another user.`);
  }
  return { talking: all.slice(0, talking), idle: all.slice(talking) };
}

/** The claim that a gateway takes for the user: JWT_USER_CLAIM, `sub` by default. */
function userOf(token: string, line: number): string {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    const user = claims[process.env.JWT_USER_CLAIM || 'sub'];
    if (typeof user === 'string' && user !== '') return user;
  } catch {
    // Told below.
  }
  throw new UserError(`Token ${line} of the file is no JWT with the id of a user.`);
}

function even(count: number): number {
  return count - (count % 2);
}

function read(file: string, option: string): string {
  try {
    // npm runs us in the repository; a relative path counts from where it was called.
    return readFileSync(resolve(process.env.INIT_CWD ?? '', file), 'utf8').trim();
  } catch (error) {
    throw new UserError(`${option}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
