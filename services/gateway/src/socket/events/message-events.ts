import { type Conversations, type Inbox, markRead, submitMessage } from '@chat-cluster/domain';
import type { Handlers } from './dispatch.ts';

/** `send_message` and `read_messages`. Both resolve after commit. */
export function messageEvents(ports: {
  conversations: Conversations;
  inbox: Inbox;
}): Pick<Handlers, 'send_message' | 'read_messages'> {
  return {
    send_message: (userId, draft) => submitMessage(ports, userId, draft),
    read_messages: (userId, mark) => markRead(ports, userId, mark),
  };
}
