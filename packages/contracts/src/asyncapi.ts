import { z } from 'zod';
import { clientAcks } from './client-acks.ts';
import { clientEvents } from './client-events.ts';
import { errorPayload, Rejection } from './errors.ts';
import { clientAckExamples, clientEventExamples, type Example, serverEventExamples } from './examples.ts';
import { readableSchema } from './readable-schema.ts';
import { serverEvents } from './server-events.ts';

type Json = Record<string, unknown>;

/** One event, ack or rejected handshake of the document. */
interface Entry {
  /** Key in the document: the name, unless the other direction has an event of the same name. */
  key: string;
  name: string;
  title: string;
  schema: z.ZodType;
  /** `input`: what a client may send. `output`: what it receives. */
  io: 'input' | 'output';
  examples: readonly Example[];
}

/**
 * The AsyncAPI 3.0 document of the Socket.IO API, from the point of view of a client: it `send`s the client events (and
 * gets the ack as reply) and `receive`s the server events. It is generated from `clientEvents`, `clientAcks` and
 * `serverEvents`, which the compiler keeps complete, and from the examples of each row (examples.ts).
 */
export function asyncApiDocument({ version }: { version: string }): object {
  const sends = rows(clientEvents, 'input', clientEventExamples, (event) => `${event} (client → server)`);
  const acks = rows(clientAcks, 'output', clientAckExamples, (event) => `Ack of ${event}`).map((ack) => ({
    ...ack,
    key: ackKey(ack.key),
    name: ackKey(ack.key),
  }));
  const receives = [
    ...rows(serverEvents, 'output', serverEventExamples, (event) => `${event} (server → client)`).map((entry) =>
      entry.name in clientEvents ? { ...entry, key: `${entry.name}_from_server` } : entry,
    ),
    connectError,
  ];
  const entries = [handshake, ...sends, ...acks, ...receives];
  const schemas: Json = {};
  const messages = entries.map((entry) => [entry.key, messageOf(entry, schemas)] as const);
  return {
    asyncapi: '3.0.0',
    info: { title: 'Chat cluster: Socket.IO', version, description: INTRODUCTION, license: { name: 'MIT' } },
    defaultContentType: 'application/json',
    servers: { gateway: server },
    channels: { default: channel(entries) },
    operations: Object.fromEntries([
      [handshake.key, { action: 'send', ...operationOf(handshake) }],
      ...sends.map((entry) => [entry.key, sendOperation(entry)]),
      ...receives.map((entry) => [entry.key, receiveOperation(entry)]),
    ]),
    components: { messages: Object.fromEntries(messages), schemas, securitySchemes },
  };
}

const INTRODUCTION = `This document takes the point of view of a client, which *sends* the client events and *receives* the
server events. The protocol is Socket.IO (v5 on Engine.IO v4): use a Socket.IO client in any language. The name of a
message in this document is the name of the event; its payload is the first argument.

**Connect:** \`io(url, { auth: { token } })\`. The server adds the socket to the room of the token's user, so every device
of a user receives that user's events, whichever gateway it is connected to. \`session\` is the first event.

**Acks:** pass a callback to \`emit\`. \`ok: true\` means committed; \`ok: false\` carries an error with a code. Without a
callback the same error arrives as an \`exception\` event. An invalid event never ends the connection.

**Resend:** after a time-out or a reconnect, send the same \`clientMessageId\` again: it is never stored twice.

**Gaps:** \`seq\` has no gaps within a conversation. When a number is missing, fetch it with
\`GET /api/messages/in/{conversationId}?after=<the last seq before the gap>\`.

**Groups:** messages of a group arrive as \`new_message\` without \`receiverId\`; what happens to the group is an entry with
\`system\`, with a \`seq\` of its own. The \`windows\` of a group are the entries that you may see.

**Changes:** edits, deletions and reactions have a number of their own, \`rev\`, without gaps within a conversation. They
arrive as \`message_changed\` on connections with \`auth: { token, protocol: 2 }\`; \`sync\` with \`afterRev\` returns those
that a device missed.

**Epoch:** \`session\` and the ack of \`sync\` have the \`epoch\` of the store. When it changes, the database was restored and
numbers (\`seq\`) are assigned again: discard all messages and load them anew.

**Presence and typing** are optional and volatile. Send \`watch_presence\` after each connect to receive \`presence\`. A user
who shares no conversation with you always appears offline. Repeat \`typing\` every 3 s while the user types, and show a received \`typing\` for 5 s.

New fields and events may be added: ignore those you do not know.`;

const server = {
  host: '{host}',
  protocol: 'wss',
  pathname: '/socket.io',
  title: 'Any gateway of the cluster',
  description: 'HTTP and sockets share host and port. HTTP long-polling needs sticky sessions, WebSocket does not.',
  variables: { host: { default: 'localhost:3000', description: 'Host and port of the cluster; `ws` without TLS' } },
  security: [
    { $ref: '#/components/securitySchemes/handshakeToken' },
    { $ref: '#/components/securitySchemes/queryToken' },
  ],
};

const securitySchemes = {
  handshakeToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'The JWT that your application issues, sent as `auth.token` of the handshake.',
  },
  queryToken: {
    type: 'httpApiKey',
    in: 'query',
    name: 'token',
    description: 'The same JWT as `?token=`, for old clients. Prefer `auth.token`: URLs are written to logs.',
  },
};

/** The CONNECT packet of Socket.IO: `auth` of the client's options. */
const handshake: Entry = {
  key: 'connect',
  name: 'connect',
  title: 'Handshake (`auth` of the client options)',
  schema: z
    .object({
      token: z.string().meta({ description: 'JWT' }),
      protocol: z.literal(2).optional().meta({
        description:
          '2: this client also receives `message_changed`, `conversation_changed`, `block_changed` and `messages_delivered`',
      }),
    })
    .meta({ id: 'Handshake', description: 'The Socket.IO client sends it once per connection' }),
  io: 'input',
  examples: [
    {
      name: 'token',
      summary: 'A JWT of alice (shortened)',
      value: { token: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln' },
    },
    {
      name: 'protocol 2',
      summary: 'A client that supports edits, reactions and settings',
      value: { token: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln', protocol: 2 },
    },
  ],
};

/** A rejected handshake: the `Error` that Socket.IO clients pass to `connect_error` listeners. */
const connectError: Entry = {
  key: 'connect_error',
  name: 'connect_error',
  title: 'Rejected handshake',
  schema: z.object({ message: z.string(), data: errorPayload }).meta({
    id: 'ConnectError',
    description:
      'The handshake was rejected, and the connection is closed. Fetch a new token if `data.code` starts with TOKEN_.',
  }),
  io: 'output',
  examples: [
    {
      name: 'expired',
      summary: 'The token has expired',
      value: { message: 'TOKEN_EXPIRED', data: new Rejection('TOKEN_EXPIRED').payload },
    },
  ],
};

function rows<Event extends string>(
  table: Record<Event, z.ZodType>,
  io: Entry['io'],
  examples: Record<Event, readonly Example[]>,
  title: (event: Event) => string,
): Entry[] {
  return (Object.keys(table) as Event[]).map((event) => ({
    key: event,
    name: event,
    title: title(event),
    schema: table[event],
    io,
    examples: examples[event],
  }));
}

function channel(entries: readonly Entry[]): Json {
  return {
    address: '/',
    title: 'The default namespace',
    description: 'All events use this channel; a client joins it by connecting.',
    messages: Object.fromEntries(entries.map(({ key }) => [key, { $ref: `#/components/messages/${key}` }])),
  };
}

function sendOperation(entry: Entry): Json {
  const reply = { channel: { $ref: '#/channels/default' }, messages: [messageRef(ackKey(entry.key))] };
  return { action: 'send', ...operationOf(entry), reply };
}

function receiveOperation(entry: Entry): Json {
  return { action: 'receive', ...operationOf(entry) };
}

function operationOf({ key, title, schema }: Entry): Json {
  return {
    title,
    ...(schema.description === undefined ? {} : { summary: schema.description }),
    channel: { $ref: '#/channels/default' },
    messages: [messageRef(key)],
  };
}

function ackKey(event: string): string {
  return `${event}_ack`;
}

function messageRef(key: string): Json {
  return { $ref: `#/channels/default/messages/${key}` };
}

function messageOf({ name, title, schema, io, examples }: Entry, schemas: Json): Json {
  return {
    name,
    title,
    payload: payloadOf(schema, io, schemas),
    examples: examples.map(({ name, summary, value }) => ({ name, summary, payload: value })),
  };
}

/** JSON Schema of a payload; the named schemas in it move to the shared `schemas` of the document. */
function payloadOf(schema: z.ZodType, io: Entry['io'], schemas: Json): unknown {
  const made = z.toJSONSchema(schema, { io, target: 'draft-7', override: readableSchema });
  const text = JSON.stringify(made).replaceAll('"#/definitions/', '"#/components/schemas/');
  const { $schema: _, definitions = {}, ...payload } = JSON.parse(text) as Json & { definitions?: Json };
  Object.assign(schemas, definitions);
  return payload;
}
