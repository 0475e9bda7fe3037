import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

/**
 * The secret kept in `file` (mode 0600). On first use it is generated: 192 random bits, URL-safe. Two processes that
 * generate it at the same time get the same secret.
 */
export function secretFile(file: string): string {
  const kept = readSecret(file);
  if (kept !== undefined) return kept;
  // Written under another name and then linked: a reader never gets half a secret, and the first of two writers wins.
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

/** The secret in `file`; undefined when there is none. */
export function readSecret(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
