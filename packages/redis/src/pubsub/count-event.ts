import type { MessageChanged } from '@chat-cluster/contracts';
import type { ConversationEvent } from '@chat-cluster/domain';
import { Counter } from 'prom-client';

/** Counts an event of a conversation that is published. */
export function countEvent(event: ConversationEvent): void {
  if (event.type === 'changed') messageChanges.inc({ kind: kindOf(event.changed) });
  if (event.type !== 'message') return;
  const { message, to } = event;
  if (message.system) groupChanges.inc({ kind: message.system.type });
  else groupMessages.inc({ to: 'room' in to ? 'room' : 'users' });
}

function kindOf({ deleted, edited }: MessageChanged): string {
  if (deleted) return 'deletion';
  return edited ? 'edit' : 'reaction';
}

const groupMessages = new Counter({
  name: 'chat_group_messages_total',
  help: 'Messages of groups that were published: to the rooms of their members (users), or to the room of a large group (room)',
  labelNames: ['to'],
});
const groupChanges = new Counter({
  name: 'chat_group_changes_total',
  help: 'Entries about groups that were published (created, added, removed, …), by kind',
  labelNames: ['kind'],
});
const messageChanges = new Counter({
  name: 'chat_message_changes_total',
  help: 'Changes of messages, direct ones too, by kind: edit, deletion or reaction',
  labelNames: ['kind'],
});
