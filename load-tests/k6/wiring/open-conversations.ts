import http from 'k6/http';
import { mapConcurrently } from '../generated/client-library.js';
import type { ConversationSpec } from '../lib/population.ts';

/** Requests under way at a time. */
const AT_ONCE = 20;
/** Users in one request: the default of MAX_USERS_PER_ADD. */
const USERS_PER_ADD = 100;
/** Attempts per request when the cluster is overloaded or limits the rate, and the pause between them in ms. */
const ATTEMPTS = 5;
const RETRY_MS = 1000;

/**
 * Opens all conversations by REST, each as its first user: direct ones and groups. Resolves with their ids in the same
 * order; rejects when the cluster refuses one.
 */
export function openConversations(
  url: string,
  specs: readonly ConversationSpec[],
  tokenOf: (user: string) => Promise<string>,
): Promise<string[]> {
  return mapConcurrently(specs, AT_ONCE, async ({ users: [opener, ...others], isGroup }) => {
    const token = await tokenOf(opener);
    if (!isGroup) return post(url, token, '/api/conversations', { participantId: others[0] });
    const first = { title: 'load test', userIds: others.slice(0, USERS_PER_ADD), changeId: opener };
    const id = await post(url, token, '/api/groups', first);
    for (let from = USERS_PER_ADD; from < others.length; from += USERS_PER_ADD) {
      const more = { userIds: others.slice(from, from + USERS_PER_ADD), history: 'all', changeId: `add-${from}` };
      await post(url, token, `/api/groups/${id}/members`, more);
    }
    return id;
  });
}

/** Sends a request until it succeeds, and returns the id in the response. */
async function post(url: string, token: string, path: string, payload: object): Promise<string> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const address = `${url.replace(/\/+$/, '')}${path}`;
  const body = JSON.stringify(payload);
  for (let attempt = 1; ; attempt++) {
    const response = await http.asyncRequest('POST', address, body, { headers, tags: { name: 'open-conversation' } });
    if (response.status === 200 || response.status === 201) return String(response.json('id'));
    const isTransient = response.status === 0 || response.status === 429 || response.status >= 500;
    if (!isTransient || attempt === ATTEMPTS) throw new Error(`POST ${address}: ${reasonOf(response)}`);
    await new Promise<void>((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function reasonOf({ status, body, error }: { status: number; body: unknown; error: string }): string {
  if (status === 0) return error;
  const hint = status === 401 ? '; is JWT_SECRET the secret of the cluster?' : '';
  return `${status} ${typeof body === 'string' ? body.slice(0, 300) : ''}${hint}`;
}
