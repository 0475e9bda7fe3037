import {
  attachment,
  draft,
  ERRORS,
  type ErrorCode,
  errorCodes,
  errorPayload,
  HTTP_STATUS,
  historyQuery,
  LIMITS,
  openConversationBody,
  parseOrReject,
  Rejection,
  toErrorPayload,
} from '@chat-cluster/contracts';
import { expect } from 'chai';
import { z } from 'zod';

const conversationId = '01926b3a-7c11-7d3e-9f52-0a4c1f6f2b10';

describe('The error table', () => {
  it('has exactly one HTTP status for each code', () => {
    expect(Object.keys(HTTP_STATUS).sort()).to.deep.equal(Object.keys(ERRORS).sort());
  });

  it('has status 429 or 5xx for retryable errors, and another 4xx for all others', () => {
    for (const code of errorCodes) {
      const status = HTTP_STATUS[code];
      expect(status === 429 || status >= 500, code).to.equal(ERRORS[code].retryable);
    }
  });

  it('yields a valid payload for every code', () => {
    for (const code of errorCodes) {
      expect(errorPayload.parse(new Rejection(code).payload)).to.deep.equal({ code, ...ERRORS[code] });
    }
  });

  it('shows a fault only as UNAVAILABLE', () => {
    const fault = new Error('duplicate key value violates unique constraint "messages_pkey"');
    expect(toErrorPayload(fault)).to.deep.equal(new Rejection('UNAVAILABLE').payload);
    expect(toErrorPayload(undefined).code).to.equal('UNAVAILABLE');
  });
});

describe('parseOrReject', () => {
  it('names the first invalid field', () => {
    expect(rejectionOf(draft, { conversationId: 'x', content: 'a' }).message).to.equal(
      'conversationId: must be a UUID',
    );
    const attachments = [{ url: 'http://files.example.com/a.png', type: 'IMAGE' }];
    expect(rejectionOf(draft, { conversationId, attachments }).message).to.match(/^attachments\.0\.url: /);
  });

  const invalid: [string, unknown][] = [
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['a string', 'hello'],
    ['a list', [{ conversationId, content: 'a' }]],
    ['a buffer', Buffer.from('{}')],
    ['a NUL byte', { conversationId, content: 'a\u0000b' }],
    ['a lone high surrogate', { conversationId, content: 'a\ud800' }],
    ['a lone low surrogate in an id', { conversationId, content: 'a', clientMessageId: '\udc00' }],
    ['a control character in an id', { conversationId, content: 'a', clientMessageId: 'a\nb' }],
    ['an empty id', { conversationId, content: 'a', clientMessageId: '' }],
    ['an id that is too long', { conversationId, content: 'a', clientMessageId: 'x'.repeat(65) }],
    ['no content', { conversationId }],
    ['white space only', { conversationId, content: ' \n\t' }],
    ['1 MB of text', { conversationId, content: 'x'.repeat(1_000_000) }],
    ['10,000 nested lists', { conversationId, content: nested(10_000) }],
    ['10,000 nested lists as attachments', { conversationId, attachments: nested(10_000) }],
    [
      'too many attachments',
      { conversationId, attachments: Array(11).fill({ url: 'https://a.example/', type: 'PDF' }) },
    ],
    ['attachments that are not an array', { conversationId, attachments: { length: 1 } }],
    ['a payload hidden in __proto__', JSON.parse(`{"__proto__":{"conversationId":"${conversationId}","content":"a"}}`)],
  ];
  for (const [name, payload] of invalid) {
    it(`rejects ${name}`, () => {
      const { code, message } = rejectionOf(draft, payload);
      expect(code).to.equal('VALIDATION_FAILED');
      expect(message.length).to.be.within(1, 302);
    });
  }

  it('drops __proto__, constructor and unknown fields', () => {
    const input = JSON.parse(
      `{"conversationId":"${conversationId}","content":"a","__proto__":{"admin":true},"constructor":{},"senderId":"eve"}`,
    );
    const parsed = parseOrReject(draft, input);
    expect(Object.keys(parsed).sort()).to.deep.equal(['content', 'conversationId']);
    expect(Object.getPrototypeOf(parsed)).to.equal(Object.prototype);
    expect('admin' in parsed).to.equal(false);
  });

  it('accepts the longest text, and text in any script', () => {
    for (const content of ['x'.repeat(LIMITS.contentLength), 'Grüße 你好 🎉 \u202e', '<script>alert(1)</script>']) {
      expect(parseOrReject(draft, { conversationId, content }).content).to.equal(content);
    }
  });

  const urls = [
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' https://a.example/',
    'data:text/html;base64,PHNjcmlwdD4=',
    'vbscript:x',
    'blob:https://a.example/1',
    'file:///etc/passwd',
    'http://a.example/',
    '//a.example/x',
    '/x.png',
    'https://',
    'https://user:secret@a.example/',
    'https://user@a.example/',
    'https://a.example/\r\nX: y',
    'https://a.example/\u0000',
    'https://a.example/\ud800',
    `https://a.example/${'x'.repeat(2_048)}`,
    `https://a.example/${'€'.repeat(2_000)}`,
    'https:\\\\evil.example\\x',
    'https://a.example\\@evil.example/',
    'https:a.example',
    'https:/a.example/',
    'https:///a.example/',
    'https://@a.example/',
    'https://:@a.example/',
    'https://a.example@evil.example',
    'https://a.example:99999/',
    'https://a.example/a b',
    'https://a.example/\u00a0',
    'https://a.example/\u2028',
    'https://a.example/\u0085',
    'https://a.example/\t',
    'https://a.example/\u202egpj.exe',
    'https://a.example/\u2066x\u2069',
    'https://a.example/\u061c',
    'https://a\u200b.example/',
    'https://a\u00ad.example/',
    'https://a.example/\ufeff',
    'https://a.example/\u{e0041}',
  ];
  for (const url of urls) {
    it(`rejects the attachment ${JSON.stringify(url.slice(0, 40))}`, () => {
      expect(rejectionOf(attachment, { url, type: 'IMAGE' }).code).to.equal('VALIDATION_FAILED');
    });
  }

  it('serialises the URL of an attachment, so that equivalent ones are equal', () => {
    for (const [typed, stored] of [
      ['HTTPS://Files.Example.COM:443', 'https://files.example.com/'],
      ['https://files.example.com/./a/../b.png?q=ü#ö', 'https://files.example.com/b.png?q=%C3%BC#%C3%B6'],
      ['https://münchen.example/', 'https://xn--mnchen-3ya.example/'],
      ['https://XN--MNCHEN-3YA.example/', 'https://xn--mnchen-3ya.example/'],
      ['https://ａ.example/', 'https://a.example/'],
      ['https://а.example/', 'https://xn--80a.example/'],
      ['https://0x7f.1/', 'https://127.0.0.1/'],
      ['https://a.example/@user?a@b', 'https://a.example/@user?a@b'],
      ['https://a.example/%E2%80%AE', 'https://a.example/%E2%80%AE'],
      [`https://a.example/${'x'.repeat(2_030)}`, `https://a.example/${'x'.repeat(2_030)}`],
    ] as const) {
      const { url } = parseOrReject(attachment, { url: typed, type: 'PDF' });
      expect(url).to.equal(stored);
      expect(parseOrReject(attachment, { url, type: 'PDF' }).url).to.equal(url);
    }
  });

  it('names what is wrong with the URL of an attachment', () => {
    for (const [url, message] of [
      ['https:\\\\evil.example\\x', /^url: must not contain spaces, backslashes/],
      ['https://user@a.example/', /^url: must not contain a user/],
      ['http://a.example/', /^url: must be an absolute URL that begins with https/],
      [`https://a.example/${'€'.repeat(2_000)}`, /^url: must have at most 2048 characters when percent-encoded/],
      [`https://a.example/${'x'.repeat(2_048)}`, /^url: .*2048/],
    ] as const) {
      expect(rejectionOf(attachment, { url, type: 'PDF' }).message).to.match(message);
    }
  });

  it('keeps the direction of text', () => {
    const content = '\u2067שלום\u2069 \u200f(؟)';
    expect(parseOrReject(draft, { conversationId, content }).content).to.equal(content);
  });

  it('rejects user ids that the database cannot store', () => {
    for (const participantId of ['', 'a\u0000', '\ud800', 'x'.repeat(65), 7, null, ['bob'], { $ne: '' }]) {
      expect(rejectionOf(openConversationBody, { participantId }).message).to.match(/^participantId: /);
    }
  });

  it('rejects query values that are not whole numbers, and two cursors at once', () => {
    const queries = [
      { limit: '0' },
      { limit: '101' },
      { limit: '' },
      { limit: ['1', '2'] },
      { limit: '1e1' },
      { limit: '0x10' },
      { before: '' },
      { before: '-1' },
      { after: '1.5' },
      { after: '9007199254740992' },
      { markAsRead: 'yes' },
      { before: '5', after: '1' },
    ];
    for (const query of queries)
      expect(rejectionOf(historyQuery, query).code, JSON.stringify(query)).to.equal('VALIDATION_FAILED');
    const query = Object.assign(Object.create(null), { before: '43', markAsRead: 'true' });
    expect(parseOrReject(historyQuery, query)).to.deep.equal({
      limit: LIMITS.pageSize,
      before: 43,
      markAsRead: 'true',
    });
  });

  it('keeps the message short for any length of the field name', () => {
    const { message } = rejectionOf(z.record(z.string(), z.number()), { ['k'.repeat(1_000_000)]: 'x' });
    expect(message.length).to.be.below(303);
  });
});

function rejectionOf(schema: z.ZodType, input: unknown): { code: ErrorCode; message: string } {
  try {
    parseOrReject(schema, input);
  } catch (error) {
    expect(error).to.be.instanceOf(Rejection);
    if (error instanceof Rejection) return error.payload;
  }
  throw new Error('the input was accepted');
}

function nested(depth: number): unknown {
  return JSON.parse('['.repeat(depth) + ']'.repeat(depth));
}
