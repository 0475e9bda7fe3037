import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

/** The secret kept in `file` (mode 0600); made on first use: 192 random bits, URL-safe. Two first users get the same one. */
export function secretFile(file: string): string {
  const kept = readSecret(file);
  if (kept !== undefined) return kept;
  // Written aside and linked, so that nobody can read a half-written secret and the first of two writers wins.
  const aside = `${file}.${process.pid}`;
  writeFileSync(aside, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
  try {
    linkSync(aside, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
  return readFileSync(file, 'utf8').trim();
}

/** The secret in `file`, or `undefined` where there is none yet. */
export function readSecret(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
