import { clusterSecret, findCluster, loadEnvFile, readGivenFile, signToken } from '@chat-cluster/local-cluster';
import { UserError, withDeadline } from '@chat-cluster/runtime';
import type { LeanTls } from '@chat-cluster/testkit/lean-client';
import { Api } from './api.ts';
import { Device } from './device.ts';
import { Meter } from './meter.ts';
import type { LoadOptions } from './options.ts';
import type { User } from './protocol.ts';

export interface Target {
  url: string;
  tls: LeanTls | undefined;
  /** Users that send and receive messages. */
  active: User[];
  /** Users that only connect. */
  idle: User[];
}

/** Longest wait for the first connection, in ms. */
const CONNECT_MS = 10_000;
/** Lifetime of a token, in s: 24 hours. */
const TOKEN_S = 86_400;

/** The cluster and the users of a run. Without a token file the user ids contain `run`. Throws UserError. */
export function findTarget(options: LoadOptions, run: string): Target {
  loadEnvFile();
  const { url } = findCluster(options.url);
  const ca = options.ca === undefined ? undefined : readGivenFile(options.ca, '--ca');
  const tls = { ...(ca === undefined ? {} : { ca }), insecure: options.insecure };
  const address = { url, tls: url.startsWith('https:') ? tls : undefined };
  if (options.tokens !== undefined) return { ...address, ...usersOfFile(options.tokens, options) };
  const secret = clusterSecret(options.secretFile);
  if (!secret) throw new UserError('Set JWT_SECRET to the secret of that cluster, or pass --secret-file or --tokens.');
  const users = (kind: string, count: number) =>
    Array.from({ length: count }, (_, i): User => {
      const userId = `load-${run}-${kind}${i + 1}`;
      return { userId, token: signToken(userId, secret, TOKEN_S, process.env) };
    });
  return { ...address, active: users('', even(options.users ?? 0)), idle: users('idle-', options.idle) };
}

/** Opens a conversation and connects one device: a problem is reported once, not by thousands. Throws UserError. */
export async function tryTarget({ url, tls, active }: Target): Promise<void> {
  const [first, second] = active;
  if (!first || !second) throw new UserError('At least two users are needed.');
  const api = new Api(url, tls);
  await api.openConversation(first.token, second.userId, 0).finally(() => api.close());
  const device = new Device(first, { url, tls, meter: new Meter(), content: '', resend: true, withGroups: false });
  const connected = new Promise<void>((resolve, reject) => {
    device.whenConnected((reason) => reject(new Error(reason))).then(resolve, reject);
  });
  await withDeadline(connected, CONNECT_MS, 'connect')
    .catch((error: Error) => {
      throw new UserError(`${url} responds to HTTP but accepts no websocket (${error.message}).`);
    })
    .finally(() => device.close());
}

function usersOfFile(file: string, { users, idle }: LoadOptions): Pick<Target, 'active' | 'idle'> {
  const tokens = readGivenFile(file, '--tokens').split(/\s+/).filter(Boolean);
  const active = even(users ?? tokens.length - idle);
  if (tokens.length < active + idle || active < 2) {
    throw new UserError(`${file} has ${tokens.length} tokens, but ${Math.max(2, active) + idle} are needed.`);
  }
  const all = tokens.slice(0, active + idle).map((token, i): User => ({ userId: userOf(token, i + 1), token }));
  if (new Set(all.map(({ userId }) => userId)).size < all.length) {
    throw new UserError(`${file} has two tokens of one user; each line must be another user.`);
  }
  return { active: all.slice(0, active), idle: all.slice(active) };
}

/** The user id in a token, from the claim that the gateways use: JWT_USER_CLAIM, default `sub`. */
function userOf(token: string, line: number): string {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    const user = claims[process.env.JWT_USER_CLAIM || 'sub'];
    if (typeof user === 'string' && user !== '') return user;
  } catch {
    // Reported below.
  }
  throw new UserError(`Token ${line} of the file is not a JWT with a user id.`);
}

function even(count: number): number {
  return count - (count % 2);
}
