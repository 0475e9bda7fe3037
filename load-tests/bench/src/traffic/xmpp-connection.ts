import { LeanWebSocket } from '@chat-cluster/testkit/lean-client';
import type { Connection, ConnectionEvents, Device } from './connection.ts';

/** The only domain of the ejabberd arm. */
export const XMPP_DOMAIN = 'localhost';

const OPEN = `<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="${XMPP_DOMAIN}" version="1.0"/>`;
const BIND = '<iq xmlns="jabber:client" type="set" id="bind"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>';
const MANAGEMENT = 'urn:xmpp:sm:3';

/**
 * Connects a device to ejabberd: XMPP over WebSocket (RFC 7395) with the token as password (SASL PLAIN), and stream
 * management (XEP-0198) for acks. Rejects when refused. No XML parser: the generator needs a few attributes of stanzas
 * whose form it knows, and must stay cheap.
 *
 *   open ─▶ features ─▶ auth ─▶ success ─▶ open ─▶ features ─▶ bind ─▶ result ─▶ enable ─▶ enabled ─▶ presence: connected
 */
export function connectXmpp({ url, user, token }: Device, events: ConnectionEvents): Promise<Connection> {
  const opened = Promise.withResolvers<Connection>();
  let connected = false;
  let authenticated = false;
  let refusal = 'the connection was closed';
  /** Stanzas received since stream management is on; the server requests the count. */
  let received = 0;
  /** Callbacks of the stanzas sent since then that the server has not counted yet, and how many it has counted. */
  const unacknowledged: ((rejection: undefined) => void)[] = [];
  let acknowledged = 0;

  const send: Connection['send'] = ({ to, id, content }, onAck) => {
    unacknowledged.push(onAck);
    const address = `${to}@${XMPP_DOMAIN}`;
    socket.send(
      `<message xmlns="jabber:client" type="chat" to="${address}" id="${id}"><body>${content}</body></message>`,
    );
    socket.send(`<r xmlns="${MANAGEMENT}"/>`);
  };
  const shakeHands = (stanza: string) => {
    const name = nameOf(stanza);
    if (name === 'features') socket.send(authenticated ? BIND : authentication(user, token));
    else if (name === 'success') {
      authenticated = true;
      socket.send(OPEN);
    } else if (name === 'iq') socket.send(`<enable xmlns="${MANAGEMENT}"/>`);
    else if (name === 'enabled') {
      connected = true;
      // The server counts it among the stanzas, like a message.
      unacknowledged.push(() => {});
      socket.send('<presence xmlns="jabber:client"/>');
      opened.resolve({ send, close: () => socket.close() });
    } else if (name === 'failure' || name === 'error' || name === 'close') {
      refusal = stanza;
      socket.close();
    }
  };
  const receive = (stanza: string) => {
    const name = nameOf(stanza);
    if (name === 'a') {
      const counted = Number(attribute(stanza, 'h'));
      for (; acknowledged < counted; acknowledged++) unacknowledged.shift()?.(undefined);
    } else if (name === 'r') socket.send(`<a xmlns="${MANAGEMENT}" h="${received}"/>`);
    else if (name === 'message' || name === 'iq' || name === 'presence') {
      received++;
      if (name === 'message' && attribute(stanza, 'type') !== 'error')
        events.message(attribute(stanza, 'id'), undefined);
    }
  };
  const socket = new LeanWebSocket(
    { url: new URL(url), protocol: 'xmpp' },
    {
      open: () => socket.send(OPEN),
      text: (stanza) => (connected ? receive(stanza) : shakeHands(stanza)),
      closed(status) {
        const reason = status === undefined ? refusal : `HTTP ${status}`;
        if (connected) events.closed(reason);
        opened.reject(new Error(`${url}: ${reason}`));
      },
    },
  );
  return opened.promise;
}

function authentication(user: string, token: string): string {
  const plain = Buffer.from(`\0${user}\0${token}`).toString('base64');
  return `<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">${plain}</auth>`;
}

/** Name of the outermost element, without its prefix. */
export function nameOf(stanza: string): string {
  return /^<(?:[\w-]+:)?([\w-]+)/.exec(stanza)?.[1] ?? '';
}

const ATTRIBUTES = { id: attributePattern('id'), type: attributePattern('type'), h: attributePattern('h') };

function attributePattern(name: string): RegExp {
  return new RegExp(`^<[^>]*\\s${name}=(?:'([^']*)'|"([^"]*)")`);
}

/** An attribute of the outermost element; empty when it has none. */
export function attribute(stanza: string, name: keyof typeof ATTRIBUTES): string {
  const [, single, double] = ATTRIBUTES[name].exec(stanza) ?? [];
  return single ?? double ?? '';
}
