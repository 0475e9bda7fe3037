import { useEffect, useMemo, useState } from 'react';
import type { ChatClient, ChatError, Conversation } from '../types.ts';
import { useChatClient } from './provider.ts';

/** What `useConversation` returns. Neither field: it is being opened. */
export interface OpenedConversation<Opened extends Conversation = Conversation> {
  readonly conversation: Opened | undefined;
  /** Why it cannot be opened. After a retryable error, the next connection tries again. */
  readonly error: ChatError | undefined;
}

/**
 * A conversation: by its id at once, and with `{ userId }` as soon as the server has opened or found it. Other ids open
 * another one. With groups: `useConversation<FullConversation>(id)`. A closed client opens none. Unmounting does not
 * release its messages; `conversation.release()` does.
 */
export function useConversation<Opened extends Conversation = Conversation>(
  of: string | { userId: string },
): OpenedConversation<Opened> {
  const client = useChatClient();
  const id = typeof of === 'string' ? of : undefined;
  const userId = typeof of === 'string' ? undefined : of.userId;
  const isClosed = client.status.state === 'closed';
  const byId = useMemo(
    () => (id === undefined || isClosed ? undefined : opened(client.conversation(id))),
    [client, id, isClosed],
  );
  const [direct, setDirect] = useState<DirectResult>();
  useEffect(
    () => (userId === undefined ? undefined : openDirect(client, userId, (result) => setDirect(result))),
    [client, userId],
  );
  if (byId) return byId as OpenedConversation<Opened>;
  // The result for another user or client stays in the state until the next one arrives.
  const result = direct?.client === client && direct.userId === userId ? direct.result : OPENING;
  return result as OpenedConversation<Opened>;
}

interface DirectResult {
  client: ChatClient;
  userId: string;
  result: OpenedConversation;
}

const OPENING: OpenedConversation = { conversation: undefined, error: undefined };

/** Opens the conversation now, and after a retryable failure at each new connection, until it ends. */
function openDirect(client: ChatClient, userId: string, onResult: (result: DirectResult) => void): () => void {
  let ended = false;
  let isOpening = false;
  let isDone = false;
  const open = async () => {
    if (isOpening || isDone) return;
    isOpening = true;
    const result = await client.direct(userId).then(opened, refused);
    isOpening = false;
    isDone = !result.error?.retryable;
    if (!ended) onResult({ client, userId, result });
  };
  const off = client.on('status', ({ state }) => {
    if (state === 'live') void open();
  });
  void open();
  return () => {
    ended = true;
    off();
  };
}

function opened(conversation: Conversation): OpenedConversation {
  return { conversation, error: undefined };
}

function refused(error: ChatError): OpenedConversation {
  return { conversation: undefined, error };
}
