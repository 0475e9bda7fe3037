import type { Message } from '@chat-cluster/client';
import { visibleText } from '../ui/visible-text.ts';

/** A part of a sentence: plain, or a name that others have chosen. */
export type SentencePart = { text: string } | { name: string };

type Entry = Pick<Message, 'system' | 'senderId'>;

/** Names in one sentence, at most. */
const NAMED = 3;
const ROLES = { owner: 'an owner', admin: 'an admin', member: 'a member' } as const;

/** What happened to the group, as a sentence: "alice added carol". `userId`: who reads it. */
export function sentenceOf({ system, senderId }: Entry, userId: string | undefined): SentencePart[] {
  const by = senderId === userId ? { text: 'You' } : { name: senderId };
  switch (system?.type) {
    case 'created':
      return [by, { text: ' created the group ' }, { name: system.title }];
    case 'added':
      return [by, { text: ' added ' }, ...people(system.userIds, userId)];
    case 'removed':
      return [by, { text: ' removed ' }, ...people(system.userIds, userId)];
    case 'left':
      return [by, { text: ' left' }, ...newOwner(system.newOwnerId, userId)];
    case 'renamed':
      return [by, { text: ' changed the title to ' }, { name: system.title }];
    case 'role':
      return [by, { text: ' made ' }, ...people(system.userIds, userId), { text: ` ${ROLES[system.role]}` }];
    default:
      return [by, { text: ' changed the group' }];
  }
}

/** The sentence as one text, for previews and for screen readers. */
export function textOfEntry(entry: Entry, userId: string | undefined): string {
  return sentenceOf(entry, userId)
    .map((part) => ('name' in part ? visibleText(part.name) : part.text))
    .join('');
}

function newOwner(owner: string | undefined, userId: string | undefined): SentencePart[] {
  if (owner === undefined) return [];
  const is = owner === userId ? ' are' : ' is';
  return [{ text: '; ' }, person(owner, userId), { text: `${is} now the owner` }];
}

/** "bob", "bob and carol", "bob, carol, dave and 5 others". */
export function people(userIds: readonly string[], userId: string | undefined): SentencePart[] {
  const named = userIds.slice(0, NAMED).map((id) => person(id, userId));
  const others = userIds.length - named.length;
  const items: SentencePart[] =
    others > 0 ? [...named, { text: `${others} ${others === 1 ? 'other' : 'others'}` }] : named;
  return items.flatMap((item, index): SentencePart[] => {
    if (index === 0) return [item];
    return [{ text: index === items.length - 1 ? ' and ' : ', ' }, item];
  });
}

function person(id: string, userId: string | undefined): SentencePart {
  return id === userId ? { text: 'you' } : { name: id };
}
