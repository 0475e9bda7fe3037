import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ConfigError, parseConfig, tracingConfig } from '@chat-cluster/runtime';
import { type OtlpReceiver, startOtlpReceiver } from '@chat-cluster/testkit';
import { expect } from 'chai';

const program = fileURLToPath(new URL('./tracing-process.ts', import.meta.url));

/** Runs a process that traces, stops it with SIGTERM after its report, and resolves with that report. */
async function run(env: NodeJS.ProcessEnv) {
  const child = fork(program, { silent: true, env: { ...process.env, ...env } });
  let log = '';
  child.stdout?.on('data', (chunk) => {
    log += chunk;
  });
  const ended = Promise.all([once(child, 'exit'), child.stdout && once(child.stdout, 'end')]);
  const [report] = (await once(child, 'message')) as [{ sampled: boolean; loaded: number }];
  const stoppedAt = performance.now();
  child.kill('SIGTERM');
  const [[code]] = await ended;
  return { ...report, code, log, stopMs: performance.now() - stoppedAt };
}

describe('tracing', () => {
  let receiver: OtlpReceiver;

  beforeEach(async () => {
    receiver = await startOtlpReceiver();
  });
  afterEach(() => receiver[Symbol.asyncDispose]());

  it('is off, loads nothing and sends nothing unless the environment requests it', async () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_TRACES_SAMPLER: 'always_on' };
    const off = await Promise.all([
      run({}),
      run({ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }),
      run({ ...endpoint, OTEL_SDK_DISABLED: 'true' }),
    ]);
    for (const { sampled, loaded, code } of off) {
      expect({ sampled, loaded, code }).to.deep.equal({ sampled: false, loaded: 0, code: 0 });
    }
    expect(receiver.requests).to.deep.equal([]);
  });

  it('sends sampled spans before the process ends, in the requested protocol', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
    const [plain, , none] = await Promise.all([
      run({ ...env, OTEL_TRACES_SAMPLER: 'always_on' }),
      run({ ...env, OTEL_TRACES_SAMPLER_ARG: '1', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }),
      run({ ...env, OTEL_TRACES_SAMPLER_ARG: '0' }),
    ]);
    expect([plain.sampled, plain.code]).to.deep.equal([true, 0]);
    expect([none.sampled, none.code]).to.deep.equal([false, 0]);
    expect(plain.loaded).to.be.above(0);
    expect(receiver.requests.map(({ path }) => path)).to.deep.equal(['/v1/traces', '/v1/traces']);
    const protobuf = receiver.requests.find(({ type }) => type === 'application/x-protobuf');
    for (const text of ['chat-test', 'an-instance', 'a-span'])
      expect(protobuf?.body.includes(text), text).to.equal(true);
    const [span] = receiver.spans;
    expect(span).to.include({ service: 'chat-test', instance: 'an-instance', name: 'a-span', parentSpanId: '' });
    expect(span?.attributes).to.deep.equal({ some: 'attribute' });
  });

  it('does not delay the end of a process when its collector hangs, and logs it', async () => {
    receiver.hang();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_TRACES_SAMPLER: 'always_on' };
    const { code, stopMs, log } = await run(env);
    expect(code).to.equal(0);
    expect(stopMs).to.be.below(2_500);
    expect(log).to.match(
      /"reason":"collector: no answer within 1000 ms","msg":"tracing: the last spans were not sent"/,
    );
  });

  it('rejects settings that it does not support, with their names', () => {
    const env = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_TRACES_SAMPLER_ARG: '7' };
    expect(() => parseConfig(tracingConfig, env))
      .to.throw(ConfigError)
      .with.property('message')
      .that.matches(/OTEL_EXPORTER_OTLP_PROTOCOL: must be http\/protobuf or http\/json/)
      .and.matches(/OTEL_TRACES_SAMPLER_ARG/);
  });
});
