import { connect } from 'node:net';
import { frame, upgrade } from './raw-socket.ts';

/*
 * Those who connect and never authenticate. None of them ends a connection or answers a goodbye: the gateway has to.
 * - silent: not a byte.
 * - slow: half of a request.
 * - idle: a websocket, and then nothing.
 * - asks: a session over polling, and not one poll.
 * - polls: a session over polling, and a poll that hangs.
 * - forges: a websocket, and a token that somebody else has signed.
 */
export const STRANGERS = ['silent', 'slow', 'idle', 'asks', 'polls', 'forges'] as const;
export type StrangerKind = (typeof STRANGERS)[number];

export interface Stranger {
  kind: StrangerKind;
  /**
   * Milliseconds that it has been kept: since it was let in (a session waits for its turn before), else since it
   * connected, until the gateway ended it or until now.
   */
  readonly keptMs: number;
  readonly gone: boolean;
  leave(): void;
}

/** Connects to `port` of 127.0.0.1; `forged` is a token of nobody. What becomes of the connection is no error. */
export function sendStranger(port: number, kind: StrangerKind, forged: string): Stranger {
  let since = performance.now();
  let goneAt: number | undefined;
  let heard = '';
  let session: string | undefined;
  const tcp = connect({ host: '127.0.0.1', port });
  const isGone = () => {
    goneAt ??= performance.now();
  };
  const enter = (sid: string) => {
    since = performance.now();
    if (kind === 'polls') tcp.write(get(`EIO=4&transport=polling&sid=${sid}`));
    if (kind === 'forges') tcp.write(frame(`40${JSON.stringify({ token: forged })}`));
  };
  tcp.on('connect', () => {
    since = performance.now();
    tcp.write(FIRST_WORDS[kind]);
  });
  tcp.on('data', (chunk) => {
    heard += chunk.toString('latin1');
    if (session === undefined) {
      session = heard.match(SESSION)?.[1];
      if (session !== undefined) enter(session);
    } else if (kind === 'polls' && heard.lastIndexOf('HTTP/1.1') > 0) {
      // The poll is answered: the session is over, and with it what the connection was kept for.
      isGone();
    }
  });
  // What ended it does not matter: 'close' follows.
  tcp.on('error', () => {});
  tcp.on('close', isGone);
  return {
    kind,
    get keptMs() {
      return (goneAt ?? performance.now()) - since;
    },
    get gone() {
      return goneAt !== undefined;
    },
    leave: () => void tcp.destroy(),
  };
}

const SESSION = /"sid":"([^"]+)"/;

const FIRST_WORDS: Record<StrangerKind, string> = {
  silent: '',
  slow: 'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\n',
  idle: upgrade(),
  asks: get('EIO=4&transport=polling'),
  polls: get('EIO=4&transport=polling'),
  forges: upgrade(),
};

function get(query: string): string {
  return `GET /socket.io/?${query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
}
