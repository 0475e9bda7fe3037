import type { ChatStatus } from '@chat-cluster/client';
import { expect } from 'chai';
import { noticeOf, QUIET_MS } from '../src/chat/pane/notice.ts';

const SINCE = 1_000_000;
const LOST = { code: 'CONNECTION_LOST', message: 'The connection was lost.', retryable: true } as const;

function textOf(status: Partial<ChatStatus>, ms: number, isOnline = true): string | undefined {
  return noticeOf({ state: 'connecting', since: SINCE, attempt: 0, ...status }, isOnline, SINCE + ms)?.text;
}

describe('The banner of the connection', () => {
  it('shows nothing while the client is live, nor for the first seconds of a connect', () => {
    expect(textOf({ state: 'live' }, 60_000)).equals(undefined);
    expect(textOf({}, QUIET_MS - 1)).equals(undefined);
    expect(textOf({}, QUIET_MS)).equals('Connecting …');
  });

  it('states when the client tries again', () => {
    const waiting = { state: 'waiting', attempt: 3, nextAttemptAt: SINCE + 5_000, error: LOST } as const;
    expect(textOf(waiting, 1_500)).equals('No connection to the server. Next attempt in 4 s.');
    expect(textOf(waiting, 6_000)).equals('No connection to the server. Trying again …');
  });

  it('does not report a connection that is replaced at once', () => {
    expect(textOf({ state: 'waiting', attempt: 1, nextAttemptAt: SINCE + 500 }, 400)).equals(undefined);
  });

  it('states that the device is offline', () => {
    expect(textOf({ state: 'waiting', attempt: 4 }, 100, false)).match(/^This device is offline/);
  });

  it('states why the server refuses the user', () => {
    const error = { code: 'TOKEN_REVOKED', message: 'The token was revoked', retryable: false } as const;
    const notice = noticeOf({ state: 'unauthorized', since: SINCE, attempt: 1, error }, true, SINCE);
    expect(notice).include({ kind: 'bad', action: 'sign-in' });
    expect(notice?.text).equals('The server does not accept this sign-in: The token was revoked.');
  });
});
