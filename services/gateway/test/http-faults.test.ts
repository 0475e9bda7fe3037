import { connect } from 'node:net';
import { problem, Rejection } from '@chat-cluster/contracts';
import { expect } from 'chai';
import type { HttpDeps } from '../src/http/app.ts';
import { emptyPorts, refusal, startEdge, throwing } from './http-app.ts';

const LIST = '/api/messages/conversations';

type Page = Awaited<ReturnType<HttpDeps['history']['conversations']>>;

/** A history with this list of conversations. */
function listing(conversations: () => Promise<Page>): Pick<HttpDeps, 'history'> {
  return { history: { ...emptyPorts.history, conversations } };
}

describe('A fault over HTTP', () => {
  it('is logged once and never returned to the client', async () => {
    const fault = Object.assign(new Error('relation "messages" does not exist, select * from messages'), {
      status: 400,
    });
    for (const faulty of [{ authenticate: throwing(fault) }, listing(() => Promise.reject(fault))]) {
      await using edge = await startEdge(faulty);
      const text = await (await edge.get(LIST)).text();
      expect(problem.parse(JSON.parse(text)).error).to.deep.equal(new Rejection('UNAVAILABLE').payload);
      expect(text).not.to.match(/select|relation|at /);
      expect(edge.faults.splice(0)).to.deep.equal([fault]);
    }
  });

  it('may be anything that JavaScript can throw', async () => {
    for (const thrown of [undefined, null, 'text', 404, { status: 404 }]) {
      await using edge = await startEdge(listing(() => Promise.reject(thrown)));
      await refusal(await edge.get(LIST), 'UNAVAILABLE');
      expect(edge.faults).to.have.length(1);
    }
  });

  it('after the deadline is logged and dropped; the client got TIMEOUT', async () => {
    const late = Promise.withResolvers<never>();
    await using edge = await startEdge({ deadlineMs: 50, ...listing(() => late.promise) });
    await refusal(await edge.get(LIST), 'TIMEOUT');
    const fault = new Error('too late');
    late.reject(fault);
    expect((await edge.get('/healthz')).status).to.equal(200);
    expect(edge.faults).to.deep.equal([fault]);
  });

  it('is not a success after the deadline', async () => {
    const late = Promise.withResolvers<Page>();
    await using edge = await startEdge({ deadlineMs: 50, ...listing(() => late.promise) });
    await refusal(await edge.get(LIST), 'TIMEOUT');
    late.resolve({ conversations: [], nextCursor: null });
    expect((await edge.get('/healthz')).status).to.equal(200);
    expect(edge.faults).to.deep.equal([]);
  });

  it('is not a body that never ends: TIMEOUT, and the connection is closed', async () => {
    await using edge = await startEdge({ deadlineMs: 50 });
    const socket = connect(Number(new URL(edge.url).port), '127.0.0.1');
    socket.write('POST /api/conversations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice\r\n');
    socket.write('Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"participant');
    const text = (await socket.setEncoding('utf8').toArray()).join('');
    expect(text).to.match(/^HTTP\/1\.1 504 [\s\S]*Connection: close[\s\S]*"TIMEOUT"/);
    expect(edge.faults).to.deep.equal([]);
  });
});
