import { createHash, randomBytes } from 'node:crypto';

/**
 * Characters of a tag: 48 bits, so that no two gateways of a cluster share one. Gateways with shorter tags use the first
 * characters of the same hash.
 */
const TAG_LENGTH = 8;

/** The tag of a gateway process, which begins the ids of its sessions. `processId`: its id in the registry. */
export function tagOf(processId: string): string {
  return createHash('sha256').update(processId).digest('base64url').slice(0, TAG_LENGTH);
}

/** The tag in a session id. Clients can invent one. */
export function tagOfSession(sessionId: string): string {
  return sessionId.slice(0, TAG_LENGTH);
}

/** Returns the generator of session ids: the tag and 16 random characters (96 bits). */
export function sessionIdsOf(tag: string): () => string {
  return () => tag + randomBytes(12).toString('base64url');
}
