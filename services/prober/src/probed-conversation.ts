import type { Conversation, ConversationsPage, UserId } from '@chat-cluster/contracts';
import type { ProbedConversation } from './synthetic-user.ts';

/** Time limit of one request, in ms. */
const REQUEST_TIMEOUT_MS = 5_000;

/** The admin port of a gateway, which opens conversations when users may not. */
export interface AdminEntry {
  url: string;
  token: string;
}

/**
 * Opens the conversation of the pair, or finds it: by the REST API as the first user, with `admin` on the admin port.
 * Rejects with the path and the status.
 */
export async function openProbedConversation(
  url: string,
  token: string,
  userIds: readonly [UserId, UserId],
  admin?: AdminEntry,
): Promise<ProbedConversation> {
  const { id } = admin
    ? await request<Conversation>(admin.url, '/conversations', admin.token, { userIds })
    : await request<Conversation>(url, '/api/conversations', token, { participantId: userIds[1] });
  const { conversations } = await request<ConversationsPage>(url, '/api/messages/conversations?limit=1', token);
  return { id, lastSeq: conversations.find((one) => one.id === id)?.lastSeq ?? 0 };
}

/** With a body a POST. */
async function request<T>(url: string, path: string, token: string, body?: object): Promise<T> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(url + path, { ...post, headers, signal });
  if (!response.ok) throw new Error(`${path} responded ${response.status}`);
  return (await response.json()) as T;
}
