import type { Conversation, ConversationsPage, UserId } from '@chat-cluster/contracts';
import type { ProbedConversation } from './synthetic-user.ts';

const WITHIN_MS = 5_000;

/** The conversation of the two, made or found by the REST API. Rejects with a sentence that has the status. */
export async function openProbedConversation(
  url: string,
  token: string,
  participantId: UserId,
): Promise<ProbedConversation> {
  const ask = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(url + path, { ...init, headers, signal: AbortSignal.timeout(WITHIN_MS) });
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return (await response.json()) as T;
  };
  const { id } = await ask<Conversation>('/api/conversations', {
    method: 'POST',
    body: JSON.stringify({ participantId }),
  });
  const { conversations } = await ask<ConversationsPage>('/api/messages/conversations?limit=1');
  return { id, lastSeq: conversations.find((one) => one.id === id)?.lastSeq ?? 0 };
}
