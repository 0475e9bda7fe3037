import { randomBytes } from 'node:crypto';
import type { Message, UserId } from '@chat-cluster/contracts';
import { newConversationId, newMessageId } from '@chat-cluster/domain';
import { EVERY_GATEWAY, roomChannel } from '@chat-cluster/redis';
import { register } from 'prom-client';

export const newUser = (name: string) => `${name}-${randomBytes(4).toString('hex')}` as UserId;

/** Ids that resemble rooms, channels, patterns, hash tags or keys of this project and its libraries. */
export const PECULIAR_IDS = [
  ...['#', 'a#', '#a', 'a##', '/', '/#', ':', '*', 'a*', '?', '[a]', '\\', '"', ' ', 'emitter', '42', '42.0', '1e3'],
  ...['{}', '{a}', '{a}b', 'b{a}', '{', '}', '}{', '{}}', '{}{a}', 'a{}b}', '{a}{}b}', '{{a}}', '{é}', '{}é}'],
  ...[EVERY_GATEWAY, roomChannel('a'), 'socket.io-request#/#', 'chat:gap', 'chat:revoked', 'gap', 'left'],
  ...['exactly-20-chars-abc', '__proto__', 'constructor', 'é', 'e\u0301', '𝒶', '汉字', 'A', 'a'],
] as UserId[];

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
