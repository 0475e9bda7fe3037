import type { Hole, ShownMessage } from '@chat-cluster/client';
import { LIMITS, PERMISSIONS } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { clearDrafts, createDrafts, EMPTY_DRAFT } from '../src/chat/conversation/drafts.ts';
import { isEmojiOnly } from '../src/chat/conversation/emoji.ts';
import { fileNameOf, safeHref, splitText } from '../src/chat/conversation/links.ts';
import type { Row } from '../src/chat/conversation/row.ts';
import { buildRows } from '../src/chat/conversation/rows.ts';
import { nextSeen, seenAtOpening, withoutMark } from '../src/chat/conversation/seen.ts';
import * as limits from '../src/chat/limits.ts';
import { PERMISSIONS as SHOWN_PERMISSIONS } from '../src/chat/permissions.ts';
import { browserStorage } from '../src/chat/session/browser-storage.ts';

const NOON = new Date(2026, 4, 5, 12).getTime();
const MINUTE = 60_000;
const CONTENT = { content: 'Hello', attachments: [] };

function stored(seq: number, senderId: string, at = NOON): ShownMessage {
  const createdAt = new Date(at).toISOString();
  return {
    ...CONTENT,
    seq,
    senderId,
    clientMessageId: `m${seq}`,
    createdAt,
    status: 'stored',
  } as unknown as ShownMessage;
}

function unsent(id: string, sentAt = NOON): ShownMessage {
  return { ...CONTENT, clientMessageId: id, sentAt, status: 'queued' } as unknown as ShownMessage;
}

function rowsOf(messages: readonly ShownMessage[], holes: readonly Hole[] = [], newAfterSeq?: number) {
  return buildRows({ messages, holes, userId: 'alice', newAfterSeq });
}

describe('The rows of a conversation', () => {
  it('groups messages of one sender that follow each other shortly', () => {
    const rows = rowsOf([stored(1, 'bob'), stored(2, 'bob', NOON + MINUTE), stored(3, 'alice', NOON + 2 * MINUTE)]);
    expect(rows.map(({ continues, isContinued }) => [continues, isContinued])).deep.equals([
      [false, true],
      [true, false],
      [false, false],
    ]);
    expect(rows.map(({ isMine }) => isMine)).deep.equals([false, false, true]);
  });

  it('groups nothing across the senders of a group, or with an entry about the group', () => {
    const entry = { ...stored(3, 'carol'), system: { type: 'left' } } as ShownMessage;
    const rows = rowsOf([stored(1, 'bob'), stored(2, 'carol'), entry, stored(4, 'carol')]);
    expect(rows.map(({ isContinued }) => isContinued)).deep.equals([false, false, false, false]);
  });

  it('ends a group after five minutes', () => {
    const [first] = rowsOf([stored(1, 'bob'), stored(2, 'bob', NOON + 5 * MINUTE)]);
    expect(first?.isContinued).equals(false);
  });

  it('marks the beginning of another day below the last message of the day before', () => {
    const nextDay = NOON + 24 * 60 * MINUTE;
    const rows = rowsOf([stored(1, 'bob'), stored(2, 'bob', nextDay), stored(3, 'bob', nextDay)]);
    expect(rows.map(({ dayBelow }) => dayBelow)).deep.equals([nextDay, undefined, undefined]);
  });

  it('changes no row when older messages are loaded before it', () => {
    const newer = [stored(3, 'bob'), stored(4, 'bob'), stored(5, 'alice')];
    const before = rowsOf(newer);
    const after = rowsOf([stored(1, 'bob', NOON - 48 * 60 * MINUTE), stored(2, 'alice'), ...newer]);
    expect(after.slice(2)).deep.equals(before);
  });

  describe('of a conversation that changes', () => {
    const input = { holes: [], userId: 'alice', newAfterSeq: undefined };
    const messages = [1, 2, 3, 4, 5, 6].map((seq) => stored(seq, seq % 3 === 0 ? 'alice' : 'bob'));
    /** The messages that are in rows which are not in the rows before. */
    const built = (after: readonly Row[], before: readonly Row[]) =>
      after.filter((row) => !before.includes(row)).map(({ message }) => message.seq);

    it('are built at the changed end only', () => {
      const before = buildRows({ ...input, messages: messages.slice(2, 5) });
      const appended = buildRows({ ...input, messages: messages.slice(2) }, before);
      expect(built(appended, before)).deep.equals([5, 6]);
      const prepended = buildRows({ ...input, messages }, appended);
      expect(built(prepended, appended)).deep.equals([1, 2]);
      const dropped = buildRows({ ...input, messages: messages.slice(3) }, prepended);
      expect(built(dropped, prepended)).deep.equals([]);
      const moved = buildRows({ ...input, messages: messages.slice(1, 4) }, dropped);
      expect(built(moved, dropped)).deep.equals([2, 3, 4]);
    });

    it('are the same array while no message has changed', () => {
      const before = buildRows({ ...input, messages });
      expect(buildRows({ ...input, messages: [...messages] }, before)).equals(before);
    });

    it('are the rows that a first build has', () => {
      const others = messages.map((message) => (message.seq === 4 ? { ...message, status: 'read' as const } : message));
      const before = buildRows({ ...input, messages });
      for (const changed of [{ messages: others }, { newAfterSeq: 4 }, { holes: [{ fromSeq: 7, toSeq: 9 }] }]) {
        const now = { ...input, messages, ...changed };
        const after = buildRows(now, before);
        expect(after).deep.equals(buildRows(now));
        expect(built(after, before)).not.deep.equals([]);
        expect(built(after, before).length).below(messages.length);
      }
    });
  });

  it('puts a hole and the mark of new messages below the message before them', () => {
    const rows = rowsOf([stored(1, 'bob'), stored(9, 'bob'), stored(10, 'bob')], [{ fromSeq: 2, toSeq: 8 }], 9);
    expect(rows[0]?.hole).deep.equals({ fromSeq: 2, toSeq: 8 });
    expect(rows.map(({ newBelow }) => newBelow)).deep.equals([false, true, false]);
    expect(rows[0]?.isContinued).equals(false);
  });

  it('puts a hole at the end below the last stored message', () => {
    const rows = rowsOf([stored(1, 'bob'), unsent('x')], [{ fromSeq: 2, toSeq: 8 }]);
    expect(rows.map(({ hole }) => hole?.toSeq)).deep.equals([8, undefined]);
  });

  it('keeps the key of a message that is stored', () => {
    const [waiting] = rowsOf([unsent('m7')]);
    const [confirmed] = rowsOf([stored(7, 'alice')]);
    expect(waiting?.key).equals(confirmed?.key);
    expect(rowsOf([stored(7, 'bob')])[0]?.key).not.equals(confirmed?.key);
  });
});

describe('What the user has seen', () => {
  it('marks what was unread at the opening, also after it was seen', () => {
    const opened = seenAtOpening(4, 3);
    expect(opened).deep.equals({ upToSeq: 4, newAfterSeq: 4 });
    expect(nextSeen(opened, 7, true)).deep.equals({ upToSeq: 7, newAfterSeq: 4 });
    expect(seenAtOpening(7, 0).newAfterSeq).equals(undefined);
  });

  it('moves the mark to the messages that arrive below the screen', () => {
    const seen = { upToSeq: 7, newAfterSeq: 4 };
    const unseen = nextSeen(seen, 8, false);
    expect(unseen).deep.equals({ upToSeq: 7, newAfterSeq: 7 });
    expect(nextSeen(unseen, 9, false)).equals(unseen);
  });

  it('removes the mark when the user writes', () => {
    expect(withoutMark({ upToSeq: 7, newAfterSeq: 4 })).deep.equals({ upToSeq: 7, newAfterSeq: undefined });
  });
});

describe('Links in messages', () => {
  it('are http and https addresses; everything else is text', () => {
    const parts = splitText('See https://a.example/b?c=d#e and javascript:alert(1) or <b>http://c.example</b>.');
    expect(parts.filter(({ href }) => href).map(({ text }) => text)).deep.equals([
      'https://a.example/b?c=d#e',
      'http://c.example',
    ]);
    expect(parts.map(({ text }) => text).join('')).equals(
      'See https://a.example/b?c=d#e and javascript:alert(1) or <b>http://c.example</b>.',
    );
  });

  it('do not take the punctuation of the sentence', () => {
    const linked = (text: string) => splitText(text).find(({ href }) => href)?.text;
    expect(linked('(see https://a.example/x).')).equals('https://a.example/x');
    expect(linked('https://en.example/Chat_(software), really?')).equals('https://en.example/Chat_(software)');
  });

  it('of any length end where their brackets and the sentence end', () => {
    const [part] = splitText(`https://a.example/(${').'.repeat(4_990)}`);
    expect(part?.text).equals('https://a.example/()');
    expect(splitText(`https://a.example/${'.'.repeat(9_000)}x`)).lengthOf(1);
    expect(splitText('https://a.example/[(])')[0]?.text).equals('https://a.example/[(])');
  });

  it('do not hide their host behind a user name', () => {
    expect(safeHref('https://bank.example@evil.example/')).equals(undefined);
    expect(safeHref('data:text/html,x')).equals(undefined);
    expect(safeHref('https://a.example')).equals('https://a.example/');
  });
});

describe('The name of a file', () => {
  it('is the last part of the path, without characters that mislead', () => {
    const names = ['report%20May.pdf', '%E2%80%AEfdp.exe', 'a%0Ab%00.pdf', '100%', '', '%E2%80%AE'].map((path) =>
      fileNameOf(`https://a.example/files/../${path}`),
    );
    expect(names).deep.equals(['report May.pdf', 'fdp.exe', 'ab.pdf', '100%', 'a.example', 'a.example']);
  });
});

describe('Emoji', () => {
  it('are shown larger when a message has one to five of them and nothing else', () => {
    for (const text of ['😄', '👩‍👩‍👧‍👦 ❤️', '🇪🇺']) expect(isEmojiOnly(text), text).equals(true);
    for (const text of ['', ' ', '12', '😄!', 'ok 😄', '😄'.repeat(6)]) expect(isEmojiOnly(text), text).equals(false);
  });
});

describe('Drafts', () => {
  const map = new Map<string, string>();
  const storage = browserStorage('localStorage', { localStorage: storageOf(map) });
  afterEach(() => map.clear());

  it('are kept per conversation and user', () => {
    createDrafts('alice', storage).set('c1', { text: 'Hello', attachments: [] });
    expect(createDrafts('alice', storage).get('c1').text).equals('Hello');
    expect(createDrafts('bob', storage).get('c1')).equals(EMPTY_DRAFT);
    for (let n = 0; n < 60; n++) createDrafts('alice', storage).set(`other${n}`, { text: 'x', attachments: [] });
    expect(createDrafts('alice', storage).get('c1')).equals(EMPTY_DRAFT);
  });

  it('of all users are cleared, and nothing else', () => {
    map.set('theme', 'dark');
    for (const user of ['alice', 'bob']) createDrafts(user, storage).set('c1', { text: 'Hello', attachments: [] });
    clearDrafts(storage);
    expect([...map.keys()]).deep.equals(['theme']);
  });

  it('are empty when what the browser has kept is broken', () => {
    const withAttachment = (one: unknown) => JSON.stringify([['c1', { text: 'x', attachments: [one] }]]);
    const attachments = [null, {}, { url: 'x', type: 'PDF' }, { url: 'https://a.example/', type: 'EXE' }];
    for (const broken of ['{broken', '{}', '[["c1",null]]', ...attachments.map(withAttachment)]) {
      map.set('chat-drafts:alice', broken);
      expect(createDrafts('alice', storage).get('c1'), broken).equals(EMPTY_DRAFT);
    }
  });
});

describe('The storage of the browser', () => {
  it('that is blocked or full is replaced by the memory of the page', () => {
    const full = storageOf(new Map([['a', 'kept']]), () => {
      throw new DOMException('full', 'QuotaExceededError');
    });
    const blocked = {
      get localStorage(): Storage {
        throw new DOMException('blocked', 'SecurityError');
      },
    };
    for (const scope of [{ localStorage: full }, blocked]) {
      const storage = browserStorage('localStorage', scope);
      storage.setItem('a', '1');
      expect(storage.getItem('a')).equals('1');
      expect(storage.keys()).contains('a');
      storage.removeItem('a');
      expect(storage.getItem('a')).equals(null);
    }
  });
});

/** A Storage that keeps its texts in `map`. */
function storageOf(
  map: Map<string, string>,
  setItem = (key: string, text: string): void => void map.set(key, text),
): Storage {
  const methods = {
    getItem: (key: string) => map.get(key) ?? null,
    setItem,
    removeItem: (key: string) => void map.delete(key),
  };
  return new Proxy(methods, {
    ownKeys: () => [...map.keys()],
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
  }) as unknown as Storage;
}

describe('The limits that the page shows', () => {
  it('are those of the contract', () => {
    expect(limits).include({
      CONTENT_LENGTH: LIMITS.contentLength,
      ATTACHMENTS: LIMITS.attachments,
      ATTACHMENT_URL_LENGTH: LIMITS.attachmentUrlLength,
      USER_ID_LENGTH: LIMITS.userIdLength,
      WATCHED_USERS: LIMITS.watchedUsers,
      TITLE_LENGTH: LIMITS.titleLength,
      SMALL_GROUP: LIMITS.smallGroup,
      MENTIONS: LIMITS.mentions,
    });
  });

  it('include what each role may do', () => {
    expect(SHOWN_PERMISSIONS).deep.equals(PERMISSIONS);
  });
});
