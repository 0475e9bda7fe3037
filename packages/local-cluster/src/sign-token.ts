import jwt from 'jsonwebtoken';

/** An HS256 token for `user` (claim `sub`) that expires after `ttlSeconds` (default 24 hours). */
export function signToken(user: string, secret: string, ttlSeconds: number = 24 * 3600): string {
  return jwt.sign({}, secret, { algorithm: 'HS256', subject: user, expiresIn: ttlSeconds });
}
