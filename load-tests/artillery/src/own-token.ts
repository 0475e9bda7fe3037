import { randomUUID } from 'node:crypto';
import jwt from 'jsonwebtoken';
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

/**
 * The `auth` option as a function, which socket.io-client calls on the socket at each connect. Protocol 2: also the events
 * of changes of messages.
 */
export function ownToken(this: Socket, answer: (auth: { token: string; protocol: 2 }) => void): void {
  answer({ token: tokenOf(userOf(this)), protocol: 2 });
}

/** An HS256 token of `user`, signed with JWT_SECRET; JWT_ISSUER, JWT_AUDIENCE and JWT_USER_CLAIM as in the gateways. */
export function tokenOf(user: string, env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (!env.JWT_SECRET) throw new Error('JWT_SECRET is not set');
  const claims = {
    [env.JWT_USER_CLAIM || 'sub']: user,
    ...(env.JWT_ISSUER ? { iss: env.JWT_ISSUER } : {}),
    ...(env.JWT_AUDIENCE ? { aud: env.JWT_AUDIENCE } : {}),
  };
  return jwt.sign(claims, env.JWT_SECRET, { algorithm: 'HS256', expiresIn: TTL_S });
}
