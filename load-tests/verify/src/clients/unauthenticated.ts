import { connect } from 'node:net';
import { frame, upgrade } from '@chat-cluster/testkit/wire';

/*
 * Kinds of clients that connect and never authenticate. None of them closes its connection or takes part in a closing
 * handshake: the gateway must end it.
 */
export const UNAUTHENTICATED_KINDS = [
  /** Sends no byte. */
  'silent',
  /** Sends half of a request. */
  'half-request',
  /** Opens a websocket and sends nothing more. */
  'idle-websocket',
  /** Opens a polling session and does not poll while it may last. Its HTTP connection may stay open without it. */
  'session-without-poll',
  /** Opens a polling session, and its poll waits for a response. */
  'waiting-poll',
  /** Opens a websocket and sends a token with a wrong signature. */
  'forged-token',
] as const;
export type UnauthenticatedKind = (typeof UNAUTHENTICATED_KINDS)[number];

export interface UnauthenticatedClient {
  kind: UnauthenticatedKind;
  /**
   * Time that the gateway kept it, in ms: from its session (it may wait for admission before that), or else from its
   * connect, until the gateway ended it, or until now.
   */
  readonly keptMs: number;
  /** True when the gateway has ended it. */
  readonly ended: boolean;
  close(): void;
}

/** Time after which a session without a poll must be gone, in ms: the 8 s of a gateway, and a second. */
const GONE_MS = 9_000;

/** Connects to `port` of 127.0.0.1. Errors of the connection are ignored. */
export function openUnauthenticated(
  port: number,
  kind: UnauthenticatedKind,
  forgedToken: string,
): UnauthenticatedClient {
  let since = performance.now();
  let endedAt: number | undefined;
  let received = '';
  let session: string | undefined;
  let latePoll: NodeJS.Timeout | undefined;
  const socket = connect({ host: '127.0.0.1', port });
  const onEnd = () => {
    endedAt ??= performance.now();
    clearTimeout(latePoll);
  };
  const onSession = (sid: string) => {
    since = performance.now();
    const poll = () => void socket.write(get(`EIO=4&transport=polling&sid=${sid}`));
    if (kind === 'waiting-poll') poll();
    if (kind === 'session-without-poll') latePoll = setTimeout(poll, GONE_MS);
    if (kind === 'forged-token') socket.write(frame(`40${JSON.stringify({ token: forgedToken })}`));
  };
  socket.on('connect', () => {
    since = performance.now();
    socket.write(FIRST_BYTES[kind]);
  });
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
    if (session === undefined) {
      session = received.match(SESSION)?.[1];
      if (session !== undefined) onSession(session);
    } else if (kind.endsWith('-poll') && received.lastIndexOf('HTTP/1.1') > 0) {
      // A response to the poll: the session has ended. A late poll of a session that lasts gets no response. The
      // connection may stay open.
      onEnd();
    }
  });
  // The event 'close' follows each error.
  socket.on('error', () => {});
  socket.on('close', onEnd);
  return {
    kind,
    get keptMs() {
      return (endedAt ?? performance.now()) - since;
    },
    get ended() {
      return endedAt !== undefined;
    },
    close: () => void socket.destroy(),
  };
}

const SESSION = /"sid":"([^"]+)"/;

const FIRST_BYTES: Readonly<Record<UnauthenticatedKind, string>> = {
  silent: '',
  'half-request': 'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\n',
  'idle-websocket': upgrade(),
  'session-without-poll': get('EIO=4&transport=polling'),
  'waiting-poll': get('EIO=4&transport=polling'),
  'forged-token': upgrade(),
};

function get(query: string): string {
  return `GET /socket.io/?${query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
}
