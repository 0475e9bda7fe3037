/* A generator process. protocol.ts describes the messages that it exchanges with the coordinator. */
import { describeError, UserError } from '@chat-cluster/runtime';
import type { Device } from './device.ts';
import { expectedBadge, finalCheck } from './final-check.ts';
import { Meter } from './meter.ts';
import { OpenLoop } from './open-loop.ts';
import { connectAll, createPopulation, type Population } from './population.ts';
import type { FromGenerator, Plan, ToGenerator } from './protocol.ts';

const SECOND_MS = 1_000;
/** Age from which an acknowledged message counts as missing, and a badge of a user at rest as wrong; in ms. */
const MISSING_MS = 10_000;
const BADGE_MS = 3_000;

const meter = new Meter();
let prepared: { plan: Plan; population: Population } | undefined;
let loop: OpenLoop | undefined;
let stopped = false;

// The coordinator handles Ctrl-C and sends `stop`.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('disconnect', () => process.exit());
process.on('message', (message: ToGenerator) => {
  if (message.type === 'prepare') void prepare(message.plan).catch(fail);
  if (message.type === 'start') void run().catch(fail);
  if (message.type === 'stop') {
    stopped = true;
    loop?.stop();
  }
});

async function prepare(plan: Plan): Promise<void> {
  let opened = 0;
  const timer = setInterval(() => send({ type: 'progress', opened, connected: meter.connected }), SECOND_MS / 2);
  try {
    const population = await createPopulation(plan, meter, () => opened++);
    prepared = { plan, population };
    await connectAll([...population.active, ...population.idle], plan.connectRate).catch((error: Error) => {
      const all = plan.users.length + plan.idle.length;
      throw new UserError(`Only ${meter.connected} of ${all} connections of a generator are open (${error.message}).`);
    });
    send({ type: 'ready' });
  } finally {
    clearInterval(timer);
  }
}

async function run(): Promise<void> {
  if (!prepared) throw new Error('start before ready');
  const { plan, population } = prepared;
  loop = new OpenLoop(plan, population, meter);
  if (stopped) loop.stop();
  const cpuAtStart = process.cpuUsage();
  const sampler = startSampler(population, loop.measureFrom);
  await loop.run();
  const { user, system } = process.cpuUsage(cpuAtStart);
  const rss = process.memoryUsage.rss();
  send({ type: 'sent' });
  const details = await finalCheck(population, meter, plan.settle);
  sampler.stop();
  for (const device of [...population.active, ...population.idle]) device.close();
  population.api.close();
  const { counts } = meter;
  send({ type: 'done', counts, latencies: meter.take(), details, cpuMicroseconds: user + system, rss });
}

/** Sends a sample every second, and a last one when it is stopped. */
function startSampler(population: Population, measureFrom: number): { stop(): void } {
  let [cpu, at] = [process.cpuUsage(), performance.now()];
  const sample = () => {
    const now = performance.now();
    const { user, system } = process.cpuUsage(cpu);
    const share = (user + system) / 1_000 / (now - at);
    [cpu, at] = [process.cpuUsage(), now];
    for (const device of population.active) device.expire(now);
    send({
      type: 'sample',
      at: (now - measureFrom) / 1_000,
      counts: meter.counts,
      latencies: meter.take(),
      inFlight: meter.inFlight,
      connected: meter.connected,
      missing: population.conversations.reduce((sum, { checker }) => sum + checker.missing(MISSING_MS), 0),
      badgesOff: population.active.filter((device) => hasWrongBadge(device, now)).length,
      cpu: share,
    });
  };
  const timer = setInterval(sample, SECOND_MS);
  return {
    stop() {
      clearInterval(timer);
      sample();
    },
  };
}

/** The device has been at rest for BADGE_MS and its badge is not the number of its unread messages. */
function hasWrongBadge(device: Device, now: number): boolean {
  if (!device.current || device.outbox.size > 0 || now - device.changedAt < BADGE_MS) return false;
  const expected = expectedBadge(device);
  return expected !== undefined && device.badge !== expected;
}

function fail(error: unknown): void {
  send({ type: 'failed', message: describeError(error) });
}

function send(message: FromGenerator): void {
  if (process.connected) process.send?.(message);
}
