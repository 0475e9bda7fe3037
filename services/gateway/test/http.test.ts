import { conversation, ERRORS, type ErrorCode, Rejection } from '@chat-cluster/contracts';
import { liveness, openApiDocument, readiness } from '@chat-cluster/contracts/openapi';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { register } from 'prom-client';
import manifest from '../package.json' with { type: 'json' };
import { emptyPorts, json, mountedRoutes, refusal, startEdge, throwing } from './http-app.ts';

describe('Every HTTP route', () => {
  it('is in the OpenAPI document, and vice versa', async () => {
    await using edge = await startEdge();
    const { paths } = openApiDocument({ version: '1' }) as { paths: Record<string, object> };
    const documented = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    );
    const parts = ['get /', 'get /api/docs/start.js', 'get /api/docs/:asset'];
    expect(
      mountedRoutes(edge.app)
        .filter((route) => !parts.includes(route))
        .sort(),
    ).to.deep.equal(documented.sort());
  });

  it('names the gateway in every response, errors included', async () => {
    await using edge = await startEdge();
    for (const path of ['/healthz', '/api/docs', '/nowhere', '/api/messages/with/%zz', '/']) {
      expect((await edge.get(path)).headers.get('x-gateway-id'), path).to.equal('gateway-7');
    }
  });

  it('is observed once, by its pattern', async () => {
    const durations = register.getSingleMetric('chat_http_request_duration_seconds');
    durations?.reset();
    await using edge = await startEdge();
    await edge.get('/api/messages/with/bob');
    await edge.get('/api/messages/with/bob', { method: 'DELETE' });
    await edge.get('/nowhere/at/all');
    await eventually(async () => {
      const { values = [] } = (await durations?.get()) ?? {};
      const counts = values.filter((value) => 'metricName' in value && String(value.metricName).endsWith('_count'));
      const observed = counts.map(({ labels: { method, route, status }, value }) => [method, route, status, value]);
      expect(observed).to.deep.equal([
        ['GET', '/api/messages/with/:otherUserId', 200, 1],
        ['DELETE', '/api/messages/with/:otherUserId', 405, 1],
        ['GET', 'unmatched', 404, 1],
      ]);
    });
  });
});

describe('Conversations and history over HTTP', () => {
  it('respond 201 for a new conversation, 200 for an existing one', async () => {
    await using edge = await startEdge();
    const made = await edge.get('/api/conversations', json({ participantId: 'bob' }));
    expect(made.status).to.equal(201);
    expect(conversation.parse(await made.json()).participantIds).to.deep.equal(['alice', 'bob']);
    expect((await edge.get('/api/conversations', json({ participantId: 'carol' }))).status).to.equal(200);
  });

  it('respond with an empty page for users without messages, which is not cached', async () => {
    await using edge = await startEdge();
    const answer = await edge.get('/api/messages/with/bob?limit=5');
    const epoch = emptyPorts.epoch();
    expect(await answer.json()).to.deep.equal({ epoch, conversationId: null, messages: [], nextCursor: null });
    expect(answer.headers.get('cache-control')).to.equal('no-store');
    const list = await edge.get('/api/messages/conversations');
    expect(await list.json()).to.deep.equal({ epoch, conversations: [], nextCursor: null });
  });

  it('decode a user id once', async () => {
    const requested: string[] = [];
    await using edge = await startEdge({
      history: {
        directConversation: async (_userId, other) => void requested.push(other) as undefined,
        head: async () => undefined,
        range: async () => [],
        sent: async () => undefined,
        conversations: async () => ({ conversations: [], nextCursor: null }),
        feed: async () => ({ readAt: 0, entries: [] }),
      },
    });
    for (const id of ['a/b', 'ü 你', '%2F', 'a+b', '__proto__']) {
      expect((await edge.get(`/api/messages/with/${encodeURIComponent(id)}`)).status).to.equal(200);
      expect(requested.pop()).to.equal(id);
    }
  });
});

describe('A request that is refused', () => {
  const invalid: [string, RequestInit | undefined, number?][] = [
    ['/api/messages/with/%zz', undefined],
    ['/api/messages/with/%ff', undefined],
    ['/api/messages/with/%00', undefined],
    ['/api/messages/with/a%0ab', undefined],
    [`/api/messages/with/${'x'.repeat(65)}`, undefined],
    ['/api/messages/with/bob?limit=0', undefined],
    ['/api/messages/with/bob?limit=1&limit=2', undefined],
    ['/api/messages/with/bob?before=', undefined],
    ['/api/messages/with/bob?before=2&after=1', undefined],
    ['/api/messages/with/bob?markAsRead=1', undefined],
    [`/api/messages/conversations?cursor=${'x'.repeat(201)}`, undefined],
    ['/api/conversations', json({})],
    ['/api/conversations', json({ participantId: 7 })],
    ['/api/conversations', json({ participantId: 'a\u0000' })],
    ['/api/conversations', json('[')],
    ['/api/conversations', json('{"participantId":"\\ud800"}')],
    ['/api/conversations', json('"bob"')],
    ['/api/conversations', json('['.repeat(30_000) + ']'.repeat(30_000))],
    ['/api/conversations', json('{"__proto__":{"participantId":"bob"}}')],
    ['/api/conversations', json({ participantId: 'x'.repeat(70_000) }), 413],
    ['/api/conversations', { method: 'POST' }, 415],
    ['/api/conversations', { ...json('participantId=bob'), headers: { 'content-type': 'text/plain' } }, 415],
    [
      '/api/conversations',
      { ...json('x'), headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } },
      415,
    ],
  ];
  for (const [path, init, status = 400] of invalid) {
    it(`gets VALIDATION_FAILED: ${path.slice(0, 60)} ${String(init?.body ?? '').slice(0, 30)}`, async () => {
      await using edge = await startEdge();
      const error = await refusal(await edge.get(path, init), 'VALIDATION_FAILED', status);
      expect(error.message).not.to.match(/Unexpected token|SyntaxError|node_modules|body-parser/);
      expect(edge.faults).to.deep.equal([]);
    });
  }

  it('gets NOT_FOUND on an unknown path, with and without a token', async () => {
    await using edge = await startEdge();
    for (const path of ['/nowhere', '/api', '/api/docs/%2e%2e%2fpackage.json', '/api/docs/index.html', '/api/%zz']) {
      await refusal(await edge.get(path), 'NOT_FOUND');
      await refusal(await edge.get(path, { headers: { authorization: '' } }), 'NOT_FOUND');
    }
  });

  it('gets METHOD_NOT_ALLOWED with the allowed methods', async () => {
    await using edge = await startEdge();
    for (const [method, path, allow] of [
      ['DELETE', '/api/conversations', 'POST'],
      ['GET', '/api/conversations', 'POST'],
      ['PUT', '/api/messages/conversations', 'GET, HEAD'],
      ['POST', '/healthz', 'GET, HEAD'],
    ] as const) {
      const answer = await edge.get(path, { method });
      expect(answer.headers.get('allow')).to.equal(allow);
      await refusal(answer, 'METHOD_NOT_ALLOWED');
    }
    expect((await edge.get('/api/messages/conversations', { method: 'HEAD' })).status).to.equal(200);
  });

  it('gets the error of its token before its input is checked', async () => {
    await using edge = await startEdge();
    const cases: [string, ErrorCode, string][] = [
      ['', 'TOKEN_MISSING', 'Bearer'],
      ['Basic YWxpY2U6', 'TOKEN_MISSING', 'Bearer'],
      ['Bearer', 'TOKEN_MISSING', 'Bearer'],
      ['Bearer nonsense', 'TOKEN_INVALID', 'Bearer error="invalid_token"'],
      ['Bearer old', 'TOKEN_EXPIRED', 'Bearer error="invalid_token", error_description="expired"'],
    ];
    for (const [authorization, code, challenge] of cases) {
      for (const path of ['/api/messages/with/bob?limit=0', '/api/messages/conversations', '/api/conversations']) {
        const init = path === '/api/conversations' ? json('{') : {};
        const answer = await edge.get(path, { ...init, headers: { ...init.headers, authorization } });
        expect(answer.headers.get('www-authenticate')).to.equal(challenge);
        await refusal(answer, code);
      }
    }
    for (const authorization of ['bearer alice', 'BEARER  alice']) {
      expect((await edge.get('/api/messages/conversations', { headers: { authorization } })).status).to.equal(200);
    }
  });

  it('cannot send its token in the URL', async () => {
    await using edge = await startEdge();
    const answer = await edge.get('/api/messages/conversations?token=alice', { headers: { authorization: '' } });
    await refusal(answer, 'TOKEN_MISSING');
  });

  it('gets Retry-After in whole seconds', async () => {
    await using edge = await startEdge({
      authenticate: throwing(new Rejection('RATE_LIMITED', { retryAfterMs: 1_200 })),
    });
    const answer = await edge.get('/api/messages/conversations');
    expect(answer.headers.get('retry-after')).to.equal('2');
    expect((await refusal(answer, 'RATE_LIMITED')).retryAfterMs).to.equal(1_200);
  });

  it('gets every code of the error table with its status', async () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      await using edge = await startEdge({ authenticate: throwing(new Rejection(code)) });
      await refusal(await edge.get('/api/messages/conversations'), code);
      expect(edge.faults).to.deep.equal([]);
    }
  });
});

describe('Probes', () => {
  it('report liveness and readiness without a token', async () => {
    await using edge = await startEdge();
    const anonymous = { headers: { authorization: '' } };
    const alive = await edge.get('/healthz', anonymous);
    expect(liveness.parse(await alive.json())).to.deep.equal({
      status: 'ok',
      gatewayId: 'gateway-7',
      version: manifest.version,
    });
    const ready = await edge.get('/readyz', anonymous);
    expect(ready.status).to.equal(200);
    expect(readiness.strict().parse(await ready.json())).to.deep.equal({ ready: true });
  });

  it('respond 503 while the gateway is not ready, and it is still alive', async () => {
    await using edge = await startEdge({ isReady: () => false });
    const ready = await edge.get('/readyz');
    expect(ready.status).to.equal(503);
    expect(readiness.strict().parse(await ready.json())).to.deep.equal({ ready: false });
    expect((await edge.get('/healthz')).status).to.equal(200);
  });
});
