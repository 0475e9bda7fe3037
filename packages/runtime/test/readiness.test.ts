import { watchReadiness } from '@chat-cluster/runtime';
import { expect } from 'chai';
import { register } from 'prom-client';

describe('readiness', () => {
  const redis = { pubsub: true, queue: true, cache: true };
  const healthy = { redis: () => redis, postgres: () => 'ok', schema: { tooOld: false, check: () => 'ok' } };
  const lifecycle = { stopping: false };
  const ok = { redis: 'ok', postgres: 'ok', schema: 'ok' };

  it('is ready when every dependency responds', () => {
    const readiness = watchReadiness({ ...healthy, lifecycle, readyDuringOutage: false });
    expect(readiness()).to.deep.equal({ ready: true, checks: ok });
  });

  it('names the parts of Redis that do not respond, and what is wrong with Postgres', () => {
    const away = { redis: () => ({ ...redis, pubsub: false, cache: false }), postgres: () => 'does not respond' };
    const checks = { redis: 'away: pubsub, cache', postgres: 'does not respond', schema: 'ok' };
    const options = { ...healthy, ...away, lifecycle };
    expect(watchReadiness({ ...options, readyDuringOutage: false })()).to.deep.equal({ ready: false, checks });
    expect(watchReadiness({ ...options, readyDuringOutage: true })()).to.deep.equal({ ready: true, checks });
  });

  it('is not ready while it stops, nor on a schema that is too old, and gives that reason', () => {
    const schema = { tooOld: true, check: () => 'older' };
    const tooOld = watchReadiness({ ...healthy, schema, lifecycle, readyDuringOutage: true });
    expect(tooOld()).to.deep.equal({ ready: false, reason: 'schema', checks: { ...ok, schema: 'older' } });
    const stopping = watchReadiness({ ...healthy, lifecycle: { stopping: true }, readyDuringOutage: true });
    expect(stopping()).to.deep.equal({ ready: false, reason: 'draining', checks: ok });
  });

  it('shows each dependency in chat_dependency_up', async () => {
    watchReadiness({ ...healthy, redis: () => ({ ...redis, queue: false }), lifecycle, readyDuringOutage: true });
    const shown = await register.getSingleMetric('chat_dependency_up')?.get();
    expect(shown?.values.map(({ labels, value }) => [labels.dependency, value])).to.deep.equal([
      ['redis_pubsub', 1],
      ['redis_queue', 0],
      ['redis_cache', 1],
      ['postgres', 1],
    ]);
  });
});
