import { createHmac, randomUUID } from 'node:crypto';
import type { Socket } from 'socket.io-client';

/** Life of a token, in seconds. Longer than any run: an expired token would end its connection. */
const TTL_S = 7 * 24 * 3_600;

const users = new WeakMap<Socket, string>();

/** A user id that is not in use. */
export function newUser(): string {
  return `load-${randomUUID()}`;
}

/** The user of a connection: the one given to `connectAs`, otherwise a new one. */
export function userOf(socket: Socket): string {
  const user = users.get(socket) ?? newUser();
  users.set(socket, user);
  return user;
}

/** Sets the user of a connection. Call it before the socket connects, in the same event-loop turn as `io()`. */
export function connectAs(socket: Socket, user: string): void {
  users.set(socket, user);
}

/** The `auth` option as a function, which socket.io-client calls on the socket at each connect. */
export function ownToken(this: Socket, answer: (auth: { token: string }) => void): void {
  answer({ token: tokenOf(userOf(this)) });
}

/**
 * An HS256 token of `user`, signed with JWT_SECRET; JWT_ISSUER, JWT_AUDIENCE and JWT_USER_CLAIM are used as in the
 * gateways. Written without a library, so that this folder runs without the repository, on the machine of the
 * generator.
 */
export function tokenOf(user: string, env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (!env.JWT_SECRET) throw new Error('JWT_SECRET is not set');
  const now = Math.floor(Date.now() / 1_000);
  const claims = {
    [env.JWT_USER_CLAIM || 'sub']: user,
    iat: now,
    exp: now + TTL_S,
    ...(env.JWT_ISSUER ? { iss: env.JWT_ISSUER } : {}),
    ...(env.JWT_AUDIENCE ? { aud: env.JWT_AUDIENCE } : {}),
  };
  const signed = [{ alg: 'HS256', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${signed}.${createHmac('sha256', env.JWT_SECRET).update(signed).digest('base64url')}`;
}
