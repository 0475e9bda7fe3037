import type { UserId } from '@chat-cluster/contracts';
import { openApiDocument } from '@chat-cluster/contracts/openapi';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { createRateLimit } from '../src/http/middleware.ts';
import { type Edge, json, refusal, startEdge } from './http-app.ts';

/** The token is the user id. */
const byName = { authenticate: (token: string | undefined) => ({ userId: (token ?? 'anonymous') as UserId }) };

describe('The rate limit of the REST API', () => {
  it('is per user over all routes, and ends after the returned time', async () => {
    await using edge = await startEdge(byName, { HTTP_RATE_LIMIT_PER_SECOND: '1', HTTP_RATE_LIMIT_BURST: '3' });
    expect((await as(edge, 'alice', '/api/messages/with/bob')).status).to.equal(200);
    expect((await as(edge, 'alice', '/api/messages/conversations')).status).to.equal(200);
    expect((await as(edge, 'alice', '/api/conversations', json({ participantId: 'bob' }))).status).to.equal(201);
    const answer = await as(edge, 'alice', '/api/messages/with/bob');
    const error = await refusal(answer, 'RATE_LIMITED', 429);
    expect(error.retryAfterMs).to.be.within(1, 1_000);
    expect(answer.headers.get('retry-after')).to.equal('1');
    expect((await as(edge, 'bob', '/api/messages/conversations')).status).to.equal(200);
    expect((await edge.get('/readyz')).status).to.equal(200);
    await eventually(async () => expect((await as(edge, 'alice', '/api/messages/conversations')).status).to.equal(200));
  });

  it('is applied after the token and before the body is read', async () => {
    await using edge = await startEdge({}, { HTTP_RATE_LIMIT_PER_SECOND: '1', HTTP_RATE_LIMIT_BURST: '1' });
    await edge.get('/api/messages/conversations');
    await refusal(await edge.get('/api/conversations', json('{not json')), 'RATE_LIMITED');
    await refusal(
      await edge.get('/api/messages/conversations', { headers: { authorization: 'Bearer old' } }),
      'TOKEN_EXPIRED',
    );
  });

  it('forgets users instead of growing without bound', () => {
    const limitRate = createRateLimit(1, 1);
    limitRate('first' as UserId);
    expect(() => limitRate('first' as UserId)).to.throw('Too many requests');
    for (let i = 0; i < 20_000; i++) limitRate(`user-${i}` as UserId);
    expect(() => limitRate('first' as UserId)).not.to.throw();
  });

  it('is documented at every route that has it', () => {
    const { paths } = openApiDocument({ version: '1' }) as { paths: Record<string, Record<string, Operation>> };
    const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
    const ofUsers = operations.filter(({ security }) => security === undefined);
    expect(ofUsers).not.to.be.empty;
    for (const { responses } of ofUsers) expect(responses['429']?.headers).to.have.property('Retry-After');
  });
});

interface Operation {
  security?: object[];
  responses: Record<string, { headers: object }>;
}

function as(edge: Edge, user: string, path: string, init: RequestInit = {}): Promise<Response> {
  return edge.get(path, { ...init, headers: { authorization: `Bearer ${user}`, ...init.headers } });
}
