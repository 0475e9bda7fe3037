import type { FullConversation } from '@chat-cluster/client/groups';
import { useEffect, useState } from 'react';
import type { Task } from './open-conversation.ts';

/** What the composer does instead of a plain message. It ends when its message is deleted. */
export function useTask({ messages }: FullConversation) {
  const [task, setTask] = useState<Task>();
  const seq = task?.message.seq;
  useEffect(() => {
    if (seq === undefined) return;
    return messages.subscribe(() => {
      const message = messages.get().messages.findLast((one) => one.seq === seq);
      if (message && 'deletedAt' in message && message.deletedAt !== undefined) setTask(undefined);
    });
  }, [messages, seq]);
  return [task, setTask] as const;
}
