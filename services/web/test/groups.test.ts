import type { Message } from '@chat-cluster/client';
import { LIMITS } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { mentionBefore, mentionsIn, namesToOffer, splitMentions } from '../src/chat/conversation/mentions.ts';
import { problemOfIds, userIdsIn } from '../src/chat/group/user-ids.ts';
import { textOfEntry } from '../src/chat/system-entry.ts';

describe('Mentions in a text', () => {
  const users = ['bob', 'bob smith', 'carol', 'a.b'];

  it('are the longest known names after an @', () => {
    expect(mentionsIn('@bob smith and @carol, @a.b! @bob', users)).deep.equals({
      mentions: ['bob smith', 'carol', 'a.b', 'bob'],
      mentionsAll: false,
    });
    expect(mentionsIn('@all: lunch', users)).deep.equals({ mentions: [], mentionsAll: true });
  });

  it('are no part of a longer word, and name each user once', () => {
    expect(mentionsIn('mail@bob @bobby @\u200bbob @carols', users).mentions).deep.equals([]);
    expect(mentionsIn('@bob @bob', users).mentions).deep.equals(['bob']);
  });

  it('keep the text around them', () => {
    const parts = splitMentions('Hello @bob, and @dave', users);
    expect(parts).deep.equals([{ text: 'Hello ' }, { text: '@bob', mentioned: 'bob' }, { text: ', and @dave' }]);
    expect(splitMentions('@bob', [])).deep.equals([{ text: '@bob' }]);
  });

  it('are completed from the @ before the caret', () => {
    expect(mentionBefore('Hello @bo', 9)).deep.equals({ at: 6, typed: 'bo' });
    expect(mentionBefore('Hello @', 7)).deep.equals({ at: 6, typed: '' });
    for (const text of ['Hello', 'mail@bo', '@bob ', '']) expect(mentionBefore(text, text.length)).equals(undefined);
  });

  it('are offered as names that begin with it, everyone last: Enter after an @ mentions one user', () => {
    expect(namesToOffer('', ['bob', 'carol'])).deep.equals(['bob', 'carol', 'all']);
    expect(namesToOffer('AL', ['alice', 'bob'])).deep.equals(['alice', 'all']);
    expect(namesToOffer('b', ['alice', 'bob'])).deep.equals(['bob']);
    const many = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    expect(namesToOffer('', many)).deep.equals([...many.slice(0, 5), 'all']);
    expect(namesToOffer('all', ['all'])).deep.equals(['all']);
  });
});

describe('An entry about a group', () => {
  const text = (system: object, senderId = 'alice', userId = 'bob') =>
    textOfEntry({ system, senderId } as Pick<Message, 'system' | 'senderId'>, userId);

  it('is a sentence', () => {
    expect(text({ type: 'created', title: 'Lunch', userIds: [] })).equals('alice created the group Lunch');
    expect(text({ type: 'added', userIds: ['carol'] })).equals('alice added carol');
    expect(text({ type: 'removed', userIds: ['bob'] })).equals('alice removed you');
    expect(text({ type: 'renamed', title: 'Dinner' }, 'bob')).equals('You changed the title to Dinner');
    expect(text({ type: 'role', userIds: ['carol'], role: 'admin' })).equals('alice made carol an admin');
    expect(text({ type: 'left' })).equals('alice left');
    expect(text({ type: 'left', newOwnerId: 'bob' })).equals('alice left; you are now the owner');
    expect(text({ type: 'left', newOwnerId: 'carol' })).equals('alice left; carol is now the owner');
  });

  it('names three users at most', () => {
    const added = (count: number) => text({ type: 'added', userIds: ['c', 'd', 'e', 'f', 'g'].slice(0, count) });
    expect(added(2)).equals('alice added c and d');
    expect(added(4)).equals('alice added c, d, e and 1 other');
    expect(added(5)).equals('alice added c, d, e and 2 others');
  });

  it('shows characters of a name that are not seen', () => {
    expect(text({ type: 'added', userIds: ['c\u202e'] })).equals('alice added c⟨U+202E⟩');
  });
});

describe('User ids that are typed', () => {
  it('are separated by commas or lines', () => {
    expect(userIdsIn(' bob, carol smith,,bob\ndave ')).deep.equals(['bob', 'carol smith', 'dave']);
    expect(userIdsIn(' , ')).deep.equals([]);
  });

  it('are not sent when one is longer than the server accepts', () => {
    expect(problemOfIds(['bob', 'x'.repeat(LIMITS.userIdLength)])).equals(undefined);
    expect(problemOfIds(['bob', 'x'.repeat(LIMITS.userIdLength + 1)])).equals(
      `A user id has at most 64 characters: ${'x'.repeat(19)}…`,
    );
  });
});
