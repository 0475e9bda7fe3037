/*
 * A device of ejabberd: XMPP over WebSocket (RFC 7395), with stream management (XEP-0198) for acks. As with Socket.IO, no
 * parser: the generator needs a few attributes of stanzas whose form it knows.
 *
 *   open ─▶ features ─▶ auth ─▶ success ─▶ open ─▶ features ─▶ bind ─▶ result ─▶ enable ─▶ enabled ─▶ presence: connected
 */
import { LeanWebSocket } from '@chat-cluster/testkit/lean-client';
import type { Connection, Device, Hearing } from './wire.ts';

/** The one of the ejabberd arm. */
export const XMPP_DOMAIN = 'localhost';

const OPEN = `<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="${XMPP_DOMAIN}" version="1.0"/>`;
const BIND = '<iq xmlns="jabber:client" type="set" id="bind"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>';
const MANAGEMENT = 'urn:xmpp:sm:3';

/** Connects with a token as password (SASL PLAIN). Rejects when refused. */
export function connectXmpp({ url, user, token }: Device, hearing: Hearing): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let connected = false;
    let authenticated = false;
    let refusal = 'the connection was closed';
    /** Stanzas heard since stream management is on, which the server wants to know, and those of ours it has not counted. */
    let heard = 0;
    const unacknowledged: ((refusal: undefined) => void)[] = [];
    let acknowledged = 0;

    const stanza = (text: string) => {
      const name = nameOf(text);
      if (name === 'a') {
        const upTo = Number(attribute(text, 'h'));
        for (; acknowledged < upTo; acknowledged++) unacknowledged.shift()?.(undefined);
      } else if (name === 'r') socket.send(`<a xmlns="${MANAGEMENT}" h="${heard}"/>`);
      else if (name === 'message') {
        heard++;
        if (attribute(text, 'type') !== 'error') hearing.message(attribute(text, 'id'));
      } else if (name === 'iq' || name === 'presence') heard++;
    };
    const handshake = (text: string) => {
      const name = nameOf(text);
      if (name === 'features') socket.send(authenticated ? BIND : authentication(user, token));
      else if (name === 'success') {
        authenticated = true;
        socket.send(OPEN);
      } else if (name === 'iq') socket.send(`<enable xmlns="${MANAGEMENT}"/>`);
      else if (name === 'enabled') {
        connected = true;
        // It counts among our stanzas, like a message.
        unacknowledged.push(() => {});
        socket.send('<presence xmlns="jabber:client"/>');
        resolve({ send, close: () => socket.close() });
      } else if (name === 'failure' || name === 'error' || name === 'close') {
        refusal = text;
        socket.close();
      }
    };
    const send: Connection['send'] = ({ to, id, content }, onAck) => {
      unacknowledged.push(onAck);
      socket.send(
        `<message xmlns="jabber:client" type="chat" to="${to}@${XMPP_DOMAIN}" id="${id}"><body>${content}</body></message>`,
      );
      socket.send(`<r xmlns="${MANAGEMENT}"/>`);
    };
    const socket = new LeanWebSocket(
      { url: new URL(url), protocol: 'xmpp' },
      {
        open: () => socket.send(OPEN),
        text: (text) => (connected ? stanza(text) : handshake(text)),
        closed(status) {
          const why = status === undefined ? refusal : `HTTP ${status}`;
          if (connected) hearing.closed(why);
          else reject(new Error(`${url}: ${why}`));
        },
      },
    );
  });
}

function authentication(user: string, token: string): string {
  const plain = Buffer.from(`\0${user}\0${token}`).toString('base64');
  return `<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">${plain}</auth>`;
}

/** Of the outermost element, without its prefix. */
export function nameOf(text: string): string {
  return /^<(?:[\w-]+:)?([\w-]+)/.exec(text)?.[1] ?? '';
}

const ATTRIBUTES = { id: attributePattern('id'), type: attributePattern('type'), h: attributePattern('h') };

function attributePattern(name: string): RegExp {
  return new RegExp(`^<[^>]*\\s${name}=(?:'([^']*)'|"([^"]*)")`);
}

/** Of the outermost element; empty when it has none. */
export function attribute(text: string, name: keyof typeof ATTRIBUTES): string {
  const [, single, double] = ATTRIBUTES[name].exec(text) ?? [];
  return single ?? double ?? '';
}
