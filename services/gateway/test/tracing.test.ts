import { randomUUID } from 'node:crypto';
import {
  connect,
  connectElsewhere,
  eventually,
  newUser,
  type OtlpReceiver,
  openConversation,
  type ReceivedSpan,
  startOtlpReceiver,
  startTestCluster,
  type TestClient,
  type TestCluster,
  tokenFor,
} from '@chat-cluster/testkit';
import { expect } from 'chai';

/**
 * The exporter waits 10 s for a collector. Gateway and worker, if they waited for it, would be killed after 5 s and 3
 * s.
 */
const DELAY_MS = 7_500;
const SECRET_TEXT = 'the-collector-must-not-see-this';

describe('traces of a cluster', () => {
  let collector: OtlpReceiver;
  let cluster: TestCluster;
  let alice: TestClient;
  let bob: TestClient;
  let conversationId: string;

  before(async () => {
    collector = await startOtlpReceiver();
    cluster = await startTestCluster({
      lanes: 1,
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_TRACES_SAMPLER: 'parentbased_always_on',
        OTEL_BSP_SCHEDULE_DELAY: '20',
      },
    });
    const [a, b] = [newUser('alice'), newUser('bob')];
    conversationId = await openConversation(cluster, a, b);
    alice = await connect(cluster, a);
    bob = await connectElsewhere(cluster, b, alice.session.gatewayId);
  });
  after(async () => {
    alice?.close();
    bob?.close();
    await stop();
    await collector[Symbol.asyncDispose]();
  });

  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= cluster?.stop();
    return stopped;
  };
  const named = (name: string, among: readonly ReceivedSpan[] = collector.spans) =>
    among.filter((span) => span.name === name);

  it('go from the event of a client through the lane to the sockets of another gateway', async () => {
    const ack = await alice.send({ conversationId, content: SECRET_TEXT });
    if (!ack.ok) throw new Error(ack.error.message);
    await eventually(() => expect(bob.messages).to.deep.equal([ack.message]));
    const spans = await eventually(() => {
      const [event] = named('send_message');
      const ofTrace = collector.spans.filter(({ traceId }) => traceId === event?.traceId);
      expect(ofTrace.map(({ name }) => name)).to.have.members([
        'send_message',
        'batch',
        'store',
        'publish',
        'deliver',
        'deliver',
      ]);
      return ofTrace;
    });
    const parentOf = ({ parentSpanId }: ReceivedSpan) => spans.find(({ spanId }) => spanId === parentSpanId)?.name;
    expect(Object.fromEntries(spans.map((span) => [span.name, parentOf(span)]))).to.deep.equal({
      send_message: undefined,
      batch: 'send_message',
      store: 'batch',
      publish: 'batch',
      deliver: 'publish',
    });
    const [event] = named('send_message', spans);
    expect(event?.attributes).to.deep.equal({ 'chat.result': 'ok' });
    expect(event).to.include({ service: 'chat-gateway', instance: alice.session.gatewayId });
    expect(named('batch', spans)[0]).to.have.nested.property('attributes.messaging\\.batch\\.message_count', 1);
    expect(named('deliver', spans).map(({ instance }) => instance)).to.have.members(cluster.gateways);
    for (const { body } of collector.requests) expect(body.toString()).not.to.include(SECRET_TEXT);
  });

  it('have no span per message of a batch, but a link from the batch to each sampled message', async () => {
    const count = 60;
    const before = new Set(collector.spans);
    const fresh = (name: string) => named(name).filter((span) => !before.has(span));
    const acks = await Promise.all(
      Array.from({ length: count }, (_, i) => alice.send({ conversationId, content: `${i}` })),
    );
    expect(acks.every(({ ok }) => ok)).to.equal(true);
    await eventually(() => {
      expect(fresh('send_message')).to.have.length(count);
      expect(fresh('deliver')).to.have.length(2 * count);
    });
    const batches = await eventually(() => {
      const found = fresh('batch');
      expect(found.reduce((sum, { links }) => sum + 1 + links.length, 0)).to.equal(count);
      return found;
    });
    expect(batches.length).to.be.below(count / 2);
    for (const name of ['store', 'publish']) expect(fresh(name)).to.have.length(batches.length);
    const events = new Map(fresh('send_message').map((span) => [span.spanId, span.traceId]));
    for (const { parentSpanId, traceId, links } of batches) {
      expect(events.get(parentSpanId)).to.equal(traceId);
      for (const link of links) expect(events.get(link.spanId)).to.equal(link.traceId);
    }
    const publishes = new Set(fresh('publish').map(({ spanId }) => spanId));
    for (const { parentSpanId, traceId, links } of fresh('deliver')) {
      // In the trace of the batch's first message, or in its own trace with a link to the batch.
      if (publishes.has(parentSpanId)) expect(links).to.deep.equal([]);
      else {
        expect(events.get(parentSpanId)).to.equal(traceId);
        expect(publishes.has(links[0]?.spanId ?? '')).to.equal(true);
      }
    }
  });

  it('show once that a worker took a lane, and no periodic work', async () => {
    await eventually(() => expect(named('process inbox-0')).to.have.length(1));
    expect(named('process inbox-0')[0]).to.include({ service: 'chat-worker', parentSpanId: '' });
    const ofBullmq = collector.spans.filter(({ attributes }) => 'bullmq.queue.name' in attributes);
    for (const { name } of ofBullmq) expect(name).to.match(/^(add|process) (inbox|recount)-/);
  });

  it('continue the traceparent of a REST request, if that is sampled', async () => {
    const [unsampled, sampled] = [randomUUID(), randomUUID()].map((id) => id.replaceAll('-', ''));
    const path = `/api/messages/with/${alice.userId}?limit=1&markAsRead=true`;
    for (const traceparent of [`00-${unsampled}-00000000000000b7-00`, `00-${sampled}-00000000000000b7-01`]) {
      const headers = { authorization: `Bearer ${tokenFor(cluster, bob.userId)}`, traceparent };
      expect((await fetch(cluster.url + path, { headers })).status).to.equal(200);
    }
    const spans = await eventually(() => {
      const found = collector.spans.filter(({ traceId }) => traceId === sampled);
      expect(found.map(({ name }) => name)).to.include('GET /api/messages/with/:otherUserId');
      return found;
    });
    const request = spans.find(({ service }) => service === 'chat-gateway');
    expect(request?.parentSpanId).to.equal('00000000000000b7');
    expect(request?.attributes).to.include({ 'http.response.status_code': 200 });
    expect(collector.spans.filter(({ traceId }) => traceId === unsampled)).to.deep.equal([]);
    expect(JSON.stringify(collector.spans)).not.to.include(alice.userId);
  });

  it('delay neither messages nor the exit of processes when the collector hangs', async () => {
    collector.hang();
    const took: number[] = [];
    for (let i = 0; i < 20; i++) {
      const sent = performance.now();
      expect((await alice.send({ conversationId, content: 'on' })).ok).to.equal(true);
      took.push(performance.now() - sent);
    }
    expect(Math.max(...took)).to.be.below(DELAY_MS);
    alice.close();
    bob.close();
    const started = performance.now();
    await stop();
    expect(performance.now() - started).to.be.below(DELAY_MS);
  });
});
