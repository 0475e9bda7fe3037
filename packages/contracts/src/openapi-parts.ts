import type { z } from 'zod';
import type { ZodOpenApiResponseObject } from 'zod-openapi';
import type { ErrorCode } from './errors.ts';
import { problemExample } from './examples.ts';
import { HTTP_STATUS, problem } from './http.ts';

/** Parts that the operations of the OpenAPI document share. */
export const gatewayHeader = {
  'X-Gateway-Id': { description: 'Id of the gateway process', schema: { type: 'string' as const } },
};

export function json(
  description: string,
  schema: z.ZodType,
  examples?: Record<string, object>,
): ZodOpenApiResponseObject {
  const named = Object.entries(examples ?? {}).map(([name, value]) => [name, { value }] as const);
  const content = { schema, ...(named.length === 0 ? {} : { examples: Object.fromEntries(named) }) };
  return { description, headers: gatewayHeader, content: { 'application/json': content } };
}

/** Responses to a body that is no JSON of the size that the server accepts. */
export const invalidBodies = {
  '413': json('VALIDATION_FAILED: the body is larger than 64 kB', problem, {
    tooLarge: problemExample('VALIDATION_FAILED', 'the body is larger than 64 kB'),
  }),
  '415': json('VALIDATION_FAILED: the body is not plain JSON in UTF-8', problem, {
    notJson: problemExample('VALIDATION_FAILED', 'send a JSON body with Content-Type: application/json'),
  }),
};

/** Errors that any request with a token may get, and `more`. */
export function errors(...more: ErrorCode[]): Record<`${4 | 5}${number}`, ZodOpenApiResponseObject> {
  return errorsOf([
    'TOKEN_MISSING',
    'TOKEN_INVALID',
    'TOKEN_EXPIRED',
    'TOKEN_REVOKED',
    'TIMEOUT',
    'UNAVAILABLE',
    ...more,
  ]);
}

/** One response per HTTP status, with an example body of each code. */
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
  return { 'Retry-After': { description: 'Seconds to wait, if known', schema: { type: 'integer' as const } } };
}
