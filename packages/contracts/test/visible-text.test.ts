import { draft, parseOrReject, Rejection } from '@chat-cluster/contracts';
import { expect } from 'chai';

const conversationId = '01926b3a-7c11-7d3e-9f52-0a4c1f6f2b10';
const FAMILY = '👨\u200d👩\u200d👧\ufe0f';

function contentOf(content: string): string | null | undefined {
  return parseOrReject(draft, { conversationId, content }).content;
}

describe('a text of which a reader sees nothing', () => {
  const invisible: Record<string, string> = {
    'white space of all kinds': ' \t\n\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000',
    'zero-width characters': '\u200b\u200c\u200d\u2060\ufeff',
    'bidirectional controls': '\u061c\u200e\u200f\u202a\u202e\u2066\u2069',
    'invisible operators': '\u2061\u2062\u2063\u2064',
    'fillers of Hangul': '\u115f\u1160\u3164\uffa0',
    'a soft hyphen': '\u00ad',
    'a Mongolian vowel separator': '\u180e',
    'variation selectors': '\ufe00\ufe0f\u{e0100}',
    tags: '\u{e0001}\u{e0041}\u{e007f}',
    'a combining grapheme joiner': '\u034f',
    'the empty pattern of braille': '\u2800',
    'interlinear annotations': '\ufff9\ufffa\ufffb',
    'the filler of Khitan and the null notehead': '\u{16fe4}\u{1d159}',
    'control characters': '\u0001\u001b\u007f\u0085',
    'a mixture': ' \u200b\n\u3164 \ufe0f',
  };
  for (const [name, text] of Object.entries(invisible)) {
    it(`is rejected without attachments: ${name}`, () => {
      for (const one of [text, ...text]) {
        expect(() => contentOf(one), JSON.stringify(one))
          .to.throw(Rejection, 'content: a message needs content or at least one attachment')
          .with.nested.property('payload.code', 'VALIDATION_FAILED');
      }
    });
  }

  it('is accepted with an attachment', () => {
    const attachments = [{ url: 'https://files.example.com/a.png', type: 'IMAGE' }];
    expect(parseOrReject(draft, { conversationId, content: '\u200b', attachments }).content).to.equal('\u200b');
  });
});

describe('a text with something to see', () => {
  const visible = [
    FAMILY,
    '❤\ufe0f',
    '\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
    ' \u200ba\u200b ',
    'می\u200cخواهم',
    '\u202eשלום',
    'co\u00adoperate',
    '⠁',
    '\u0301',
    '\u0600',
    '-',
  ];
  for (const text of visible) {
    it(`stays as it was typed: ${JSON.stringify(text)}`, () => {
      expect(contentOf(text)).to.equal(text);
    });
  }
});
