import type { Conversation, ConversationId, UserId } from '@chat-cluster/contracts';

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
): Promise<ConversationId> {
  const { id } = admin
    ? await request(admin.url, '/conversations', admin.token, { userIds })
    : await request(url, '/api/conversations', token, { participantId: userIds[1] });
  return id;
}

async function request(url: string, path: string, token: string, body: object): Promise<Conversation> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  const response = await fetch(url + path, { method: 'POST', body: JSON.stringify(body), headers, signal });
  if (!response.ok) throw new Error(`${path} responded ${response.status}`);
  return (await response.json()) as Conversation;
}
