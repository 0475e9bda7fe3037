import { z } from 'zod';
import { listenAddress, oneOf, text } from './setting.ts';

/** The settings of the admin listener. Its port has another default in each service. */
export const adminConfig = z.object({
  NODE_ENV: oneOf(['production', 'development', 'test']).default('development'),
  /** Address of the admin listener. Beyond loopback, production requires ADMIN_TOKEN. */
  ADMIN_HOST: listenAddress().default('127.0.0.1'),
  /** Secret for everything on the admin listener except health and metrics. */
  ADMIN_TOKEN: text().optional(),
});

type AdminConfig = z.output<typeof adminConfig>;

/** Part of the check of a service: an admin listener that other machines reach needs a strong token. */
export function checkAdmin(
  { NODE_ENV, ADMIN_HOST, ADMIN_TOKEN }: AdminConfig,
  problem: (variable: 'ADMIN_TOKEN', message: string) => void,
): void {
  if (NODE_ENV !== 'production' || isLoopback(ADMIN_HOST)) return;
  const message =
    ADMIN_TOKEN === undefined
      ? 'is required in production when ADMIN_HOST is not loopback'
      : secretWeakness(ADMIN_TOKEN);
  if (message) problem('ADMIN_TOKEN', `${message}; ${CREATE_SECRET}`);
}

/** Host, port and token of the admin listener, for `serveOps`. */
export function adminAddress({ ADMIN_HOST, ADMIN_PORT, ADMIN_TOKEN }: AdminConfig & { ADMIN_PORT: number }) {
  return { host: ADMIN_HOST, port: ADMIN_PORT, token: ADMIN_TOKEN };
}

/** Whether only processes of this machine can connect to a listener on this address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** HS256 needs a key of at least 256 bits (RFC 7518, 3.2). */
const SECRET_LENGTH = 32;
/** A secret with fewer different characters can be guessed. Random hexadecimal digits of this length have about 14. */
const DIFFERENT_CHARACTERS = 8;

/** How to create a strong secret, for messages. */
export const CREATE_SECRET = 'create one with: openssl rand -hex 32';

/** Why a secret can be guessed; undefined if there is no such sign. */
export function secretWeakness(secret: string): string | undefined {
  if (Buffer.byteLength(secret) < SECRET_LENGTH) return `must have at least ${SECRET_LENGTH} characters`;
  if (new Set(secret).size < DIFFERENT_CHARACTERS) {
    return `must have at least ${DIFFERENT_CHARACTERS} different characters`;
  }
  return /^(.{1,16})\1+.{0,15}$/s.test(secret) ? 'must not repeat a short text' : undefined;
}
