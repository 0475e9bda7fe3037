import { randomBytes } from 'node:crypto';
import type { Message, UserId } from '@chat-cluster/contracts';
import { newConversationId, newMessageId } from '@chat-cluster/domain';
import { register } from 'prom-client';

export const newUser = (name: string) => `${name}-${randomBytes(4).toString('hex')}` as UserId;

export function message(senderId: UserId, receiverId: UserId, content = 'hi'): Message {
  return {
    id: newMessageId(),
    conversationId: newConversationId(),
    seq: 1,
    senderId,
    receiverId,
    clientMessageId: 'mine' as Message['clientMessageId'],
    content,
    attachments: [{ url: 'https://files.example.com/a.png', type: 'IMAGE' }],
    isRead: false,
    createdAt: '2026-01-01T12:00:00.000Z',
  };
}

export async function metric(name: string, labels: Record<string, string> = {}): Promise<number> {
  const { values = [] } = (await register.getSingleMetric(name)?.get()) ?? {};
  const wanted = Object.entries(labels);
  return values
    .filter((value) => wanted.every(([key, label]) => (value.labels as Record<string, string>)[key] === label))
    .reduce((sum, { value }) => sum + value, 0);
}
