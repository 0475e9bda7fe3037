import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponseObject } from 'zod-openapi';
import type { ErrorCode } from './errors.ts';
import { httpExamples, problemExample } from './examples.ts';
import {
  conversation,
  conversationsPage,
  conversationsQuery,
  HTTP_STATUS,
  historyPage,
  historyQuery,
  openConversationBody,
  problem,
} from './http.ts';
import { userId } from './ids.ts';
import { readableSchema } from './readable-schema.ts';

/**
 * The OpenAPI 3.1 document of the HTTP side, made from the very schemas that validate requests. A new route of the
 * gateway needs its operation here; a test compares the two. `serverUrl`: where "Try it out" sends, by default the
 * host that serves the document.
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
        { name: 'Conversations', description: 'Who talks with whom' },
        { name: 'Messages', description: 'What was said; new messages come and go over Socket.IO' },
        { name: 'Operations', description: 'For probes and tools; no token' },
      ],
      security: [{ bearerAuth: [] }],
      paths: {
        '/api/conversations': { post: openConversation },
        '/api/messages/conversations': { get: listConversations },
        '/api/messages/with/{otherUserId}': { get: readHistory },
        '/healthz': { get: healthz },
        '/readyz': { get: readyz },
        '/api/docs': { get: page('getDocsPage', 'This documentation as a page') },
        '/api/docs.json': { get: document('getOpenApiDocument', 'This document (OpenAPI 3.1)') },
        '/api/asyncapi.json': { get: document('getAsyncApiDocument', 'The Socket.IO side (AsyncAPI 3.0)') },
      },
      components: {
        securitySchemes: {
          bearerAuth: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description:
              'The JWT that your application issues; its `sub` (configurable) is the user id. Sockets take the same one.',
          },
        },
      },
    },
    // zod-openapi's own schema type is wider than zod's; the members that are touched are the same.
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
  .meta({ id: 'Liveness', description: 'The process answers' });

/** Body of `GET /readyz`, with status 200 or 503. */
export const readiness = z
  .object({
    ready: z.boolean().meta({ example: true }),
    reason: z.enum(['draining', 'schema']).optional().meta({
      description: '`draining`: the gateway is about to stop. `schema`: the database lacks migrations that it needs',
      example: 'draining',
    }),
    checks: z
      .record(z.string(), z.string())
      .meta({ description: 'State of each dependency', example: { postgres: 'ok', redis: 'ok', schema: 'ok' } }),
  })
  .meta({ id: 'Readiness', description: 'Whether a load balancer should send traffic here' });

export type Liveness = z.infer<typeof liveness>;
export type Readiness = z.infer<typeof readiness>;

const INTRODUCTION = `History and conversations of a chat. Messages are sent and received over **Socket.IO** on the same
host and port (path \`/socket.io\`); \`/api/asyncapi.json\` describes that side.

**First steps:** get a token from your application, press *Authorize*, open a conversation with
\`POST /api/conversations\`, then connect a socket with \`auth: { token }\` and emit \`send_message\` with its id.

**Errors** have one shape, \`{ "error": { code, message, retryable, retryAfterMs? } }\`, with codes of one closed table
that HTTP and Socket.IO share. \`retryable: true\` says that the very same request may succeed later. A wrong method on a
path of this document is answered 405 with an \`Allow\` header.

Every answer names the process that gave it in \`X-Gateway-Id\`. New fields may appear in any answer: ignore what you
do not know.`;

const gatewayHeader = {
  'X-Gateway-Id': { description: 'The gateway process that answered', schema: { type: 'string' as const } },
};

const openConversation: ZodOpenApiOperationObject = {
  operationId: 'openConversation',
  tags: ['Conversations'],
  summary: 'Open the direct conversation with a user',
  description:
    'Idempotent: two users have one conversation, whoever opens it and however often. With your own id: notes to yourself.',
  requestBody: {
    required: true,
    content: { 'application/json': { schema: openConversationBody, example: httpExamples.openConversationBody } },
  },
  responses: {
    '200': json('It existed already', conversation, { existing: httpExamples.conversation }),
    '201': json('It was made by this request', conversation, { created: httpExamples.conversation }),
    ...errors('VALIDATION_FAILED', 'RATE_LIMITED'),
    '413': json('VALIDATION_FAILED: the body is larger than 64 kB', problem, {
      tooLarge: problemExample('VALIDATION_FAILED', 'the body is larger than 64 kB'),
    }),
    '415': json('VALIDATION_FAILED: the body is not plain JSON in UTF-8', problem, {
      notJson: problemExample('VALIDATION_FAILED', 'send a JSON body with Content-Type: application/json'),
    }),
  },
};

const listConversations: ZodOpenApiOperationObject = {
  operationId: 'listConversations',
  tags: ['Conversations'],
  summary: 'My conversations, newest activity first',
  description: 'With the last message and the unread count of each: all that a chat list shows.',
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
    'The newest messages first, by default and with `before`; oldest first with `after`, which closes a gap after a ' +
    'reconnect: pass the greatest `seq` you have. `seq` is dense, so a missing number is a missing message.',
  requestParams: { path: z.object({ otherUserId: userId }), query: historyQuery },
  responses: {
    '200': json('A page; empty when the two have no conversation yet', historyPage, {
      page: httpExamples.historyPage,
      noConversation: httpExamples.emptyHistoryPage,
    }),
    ...errors('VALIDATION_FAILED', 'RATE_LIMITED', 'OVERLOADED'),
  },
};

const healthz: ZodOpenApiOperationObject = {
  operationId: 'getLiveness',
  tags: ['Operations'],
  summary: 'Liveness: the process answers',
  description: 'Never asks Redis or Postgres: their outage is no reason to restart a gateway.',
  security: [],
  responses: { '200': json('Alive', liveness) },
};

const readyz: ZodOpenApiOperationObject = {
  operationId: 'getReadiness',
  tags: ['Operations'],
  summary: 'Readiness: send traffic here',
  security: [],
  responses: {
    '200': json('Ready', readiness),
    '503': json('Not ready: draining, or the database was not migrated', readiness, {
      draining: { ready: false, reason: 'draining', checks: { postgres: 'ok', redis: 'ok', schema: 'ok' } },
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
  const schema = z.looseObject({});
  return {
    operationId,
    tags: ['Operations'],
    summary,
    security: [],
    responses: { '200': json('The document', schema) },
  };
}

function json(description: string, schema: z.ZodType, examples?: Record<string, object>): ZodOpenApiResponseObject {
  const named = Object.entries(examples ?? {}).map(([name, value]) => [name, { value }] as const);
  const content = { schema, ...(named.length === 0 ? {} : { examples: Object.fromEntries(named) }) };
  return { description, headers: gatewayHeader, content: { 'application/json': content } };
}

/** What any call with a token may hear, and `more`. */
function errors(...more: ErrorCode[]): Record<`${4 | 5}${number}`, ZodOpenApiResponseObject> {
  return errorsOf(['TOKEN_MISSING', 'TOKEN_INVALID', 'TOKEN_EXPIRED', 'TIMEOUT', 'UNAVAILABLE', ...more]);
}

/** One response per HTTP status, with a real body of each code. */
function errorsOf(codes: readonly ErrorCode[]): Record<`${4 | 5}${number}`, ZodOpenApiResponseObject> {
  const byStatus = Map.groupBy(codes, (code) => HTTP_STATUS[code]);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => {
      const examples = Object.fromEntries(group.map((code) => [code, exampleOf(code)]));
      const response = json(group.join(', '), problem, examples);
      return [status, { ...response, headers: { ...gatewayHeader, ...extraHeaders(group) } }];
    }),
  );
}

function exampleOf(code: ErrorCode): object {
  return problemExample(
    code,
    code === 'VALIDATION_FAILED' ? 'otherUserId: must not contain control characters' : undefined,
  );
}

function extraHeaders(codes: readonly ErrorCode[]) {
  if (codes.includes('TOKEN_MISSING')) {
    return { 'WWW-Authenticate': { description: '`Bearer`', schema: { type: 'string' as const } } };
  }
  if (codes.every((code) => !problemExample(code).error.retryable)) return {};
  return { 'Retry-After': { description: 'Seconds to wait, where known', schema: { type: 'integer' as const } } };
}
