import type { Conversation, ConversationsPage, UserId } from '@chat-cluster/contracts';
import type { ProbedConversation } from './synthetic-user.ts';

/** Time limit of one request, in ms. */
const REQUEST_TIMEOUT_MS = 5_000;

/** Opens the conversation of the pair, or finds it, by the REST API. Rejects with the path and the status. */
export async function openProbedConversation(
  url: string,
  token: string,
  participantId: UserId,
): Promise<ProbedConversation> {
  const request = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const response = await fetch(url + path, { ...init, headers, signal });
    if (!response.ok) throw new Error(`${path} responded ${response.status}`);
    return (await response.json()) as T;
  };
  const { id } = await request<Conversation>('/api/conversations', {
    method: 'POST',
    body: JSON.stringify({ participantId }),
  });
  const { conversations } = await request<ConversationsPage>('/api/messages/conversations?limit=1');
  return { id, lastSeq: conversations.find((one) => one.id === id)?.lastSeq ?? 0 };
}
