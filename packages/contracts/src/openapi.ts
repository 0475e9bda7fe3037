import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject } from 'zod-openapi';
import { httpExamples } from './examples.ts';
import {
  conversation,
  conversationsPage,
  conversationsQuery,
  historyPage,
  historyQuery,
  openConversationBody,
} from './http.ts';
import { userId } from './ids.ts';
import { conversationPaths } from './openapi-conversations.ts';
import { errors, gatewayHeader, invalidBodies, json } from './openapi-parts.ts';
import { readableSchema } from './readable-schema.ts';

/**
 * The OpenAPI 3.1 document of the HTTP API, generated from the schemas that validate the requests. A new route of the
 * gateway needs its operation here; a test compares both. `serverUrl`: target of "Try it out", by default the host that
 * serves the document.
 */
export function openApiDocument({ version, serverUrl = '/' }: { version: string; serverUrl?: string }): object {
  return createDocument(
    {
      openapi: '3.1.1',
      info: {
        title: 'Chat cluster: HTTP',
        version,
        description: INTRODUCTION,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: serverUrl }],
      tags: [
        { name: 'Conversations', description: 'Conversations between users' },
        { name: 'Groups', description: 'Conversations of several users with roles' },
        { name: 'Settings', description: 'What a user has decided for one conversation, or about another user' },
        { name: 'Messages', description: 'History; new messages are sent and received over Socket.IO' },
        { name: 'Operations', description: 'For probes and tools; no token needed' },
      ],
      security: [{ bearerAuth: [] }],
      paths: {
        '/api/conversations': { post: openConversation },
        '/api/messages/conversations': { get: listConversations },
        '/api/messages/with/{otherUserId}': { get: readHistory },
        ...conversationPaths,
        '/healthz': { get: healthz },
        '/readyz': { get: readyz },
        '/api/docs': { get: page('getDocsPage', 'This documentation as an HTML page') },
        '/api/docs.json': { get: document('getOpenApiDocument', 'This document (OpenAPI 3.1)') },
        '/api/asyncapi.json': { get: document('getAsyncApiDocument', 'The Socket.IO API (AsyncAPI 3.0)') },
      },
      components: {
        securitySchemes: {
          bearerAuth: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description:
              'The JWT that your application issues; its `sub` (configurable) is the user id. Sockets use it too.',
          },
        },
      },
    },
    // zod-openapi's schema type is wider than that of zod; the members used here are the same.
    { override: (context) => readableSchema({ ...context, path: [] } as Parameters<typeof readableSchema>[0]) },
  );
}

/** Body of `GET /healthz`. */
export const liveness = z
  .object({
    status: z.literal('ok'),
    gatewayId: z.string().meta({ example: 'gateway-1' }),
    version: z.string().meta({ example: '1.0.0' }),
  })
  .meta({ id: 'Liveness', description: 'The process is running' });

/** Body of `GET /readyz`, with status 200 or 503. */
export const readiness = z
  .object({
    ready: z.boolean().meta({ example: true }),
  })
  .meta({ id: 'Readiness', description: 'Whether a load balancer should send traffic here' });

export type Liveness = z.infer<typeof liveness>;
export type Readiness = z.infer<typeof readiness>;

const INTRODUCTION = `History and conversations of a chat. Messages are sent and received over **Socket.IO** on the same
host and port (path \`/socket.io\`); \`/api/asyncapi.json\` describes that API.

**First steps:** get a token from your application, press *Authorize*, and open a conversation with
\`POST /api/conversations\`, or create a group with \`POST /api/groups\`. Then connect a socket with \`auth: { token }\` and emit \`send_message\` with the id of the
conversation.

**Errors** have one shape, \`{ "error": { code, message, retryable, retryAfterMs? } }\`. HTTP and Socket.IO share one closed
table of codes. \`retryable: true\` means that the same request may succeed later. An unsupported method on a path of this
document gets 405 with an \`Allow\` header.

Every response has the id of the gateway process in \`X-Gateway-Id\`. New fields may be added to any response: ignore those
you do not know.`;

const openConversation: ZodOpenApiOperationObject = {
  operationId: 'openConversation',
  tags: ['Conversations'],
  summary: 'Open the direct conversation with a user',
  description:
    'Idempotent: two users have one conversation, however often they open it. With your own id: notes to yourself. ' +
    'On a server with `OPEN_CONVERSATIONS=server` it returns conversations that exist, and otherwise FORBIDDEN.',
  requestBody: {
    required: true,
    content: { 'application/json': { schema: openConversationBody, example: httpExamples.openConversationBody } },
  },
  responses: {
    '200': json('The conversation already existed', conversation, { existing: httpExamples.conversation }),
    '201': json('This request created the conversation', conversation, { created: httpExamples.conversation }),
    ...errors('VALIDATION_FAILED', 'FORBIDDEN', 'RATE_LIMITED'),
    ...invalidBodies,
  },
};

const listConversations: ZodOpenApiOperationObject = {
  operationId: 'listConversations',
  tags: ['Conversations'],
  summary: 'My conversations, newest activity first',
  description: 'Each with its last message and unread count, as a chat list shows them.',
  requestParams: { query: conversationsQuery },
  responses: {
    '200': json('A page', conversationsPage, { page: httpExamples.conversationsPage }),
    ...errors('VALIDATION_FAILED', 'RATE_LIMITED'),
  },
};

const readHistory: ZodOpenApiOperationObject = {
  operationId: 'readHistory',
  tags: ['Messages'],
  summary: 'My conversation with a user, page by page',
  description:
    'Newest messages first, by default and with `before`; oldest first with `after`. To close a gap after a reconnect, ' +
    'pass the last `seq` before the gap as `after`: `seq` is dense, so a missing number is a missing message.',
  requestParams: { path: z.object({ otherUserId: userId }), query: historyQuery },
  responses: {
    '200': json('A page; empty when the two users have no conversation yet', historyPage, {
      page: httpExamples.historyPage,
      noConversation: httpExamples.emptyHistoryPage,
    }),
    ...errors('VALIDATION_FAILED', 'RATE_LIMITED', 'OVERLOADED'),
  },
};

const healthz: ZodOpenApiOperationObject = {
  operationId: 'getLiveness',
  tags: ['Operations'],
  summary: 'Liveness: the process is running',
  description: 'Does not check Redis or Postgres: their outage is no reason to restart a gateway.',
  security: [],
  responses: { '200': json('Alive', liveness) },
};

const readyz: ZodOpenApiOperationObject = {
  operationId: 'getReadiness',
  tags: ['Operations'],
  summary: 'Readiness: the gateway can serve traffic',
  description: 'The reasons, and the state of Redis and Postgres, are in `/readyz` of the admin port.',
  security: [],
  responses: {
    '200': json('Ready', readiness),
    '503': json('Not ready: draining, or the database is not migrated', readiness, {
      draining: { ready: false },
    }),
  },
};

function page(operationId: string, summary: string): ZodOpenApiOperationObject {
  const content = { 'text/html': { schema: z.string() } };
  return {
    operationId,
    tags: ['Operations'],
    summary,
    security: [],
    responses: { '200': { description: 'A page', headers: gatewayHeader, content } },
  };
}

function document(operationId: string, summary: string): ZodOpenApiOperationObject {
  return { ...page(operationId, summary), responses: { '200': json('The document', z.looseObject({})) } };
}
