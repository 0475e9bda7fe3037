/** A generator process: see protocol.ts for what it hears and tells. */
import { UserError } from '@chat-cluster/runtime';
import type { Device } from './device.ts';
import { checkAll, unreadKnown } from './last-check.ts';
import { Meter } from './meter.ts';
import { connectAll, type Population, settleIn } from './population.ts';
import type { FromGenerator, Plan, ToGenerator } from './protocol.ts';
import { Traffic } from './traffic.ts';

const SECOND_MS = 1_000;
/** What may still be on its way is not missing yet. */
const MISSING_MS = 10_000;
const BADGE_MS = 3_000;

const meter = new Meter();
let begun: { plan: Plan; population: Population } | undefined;
let traffic: Traffic | undefined;
let stopped = false;

// The coordinator hears Ctrl-C and says what to do.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('disconnect', () => process.exit());
process.on('message', (message: ToGenerator) => {
  if (message.type === 'begin') void begin(message.plan).catch(fail);
  if (message.type === 'start') void run().catch(fail);
  if (message.type === 'stop') {
    stopped = true;
    traffic?.stop();
  }
});

async function begin(plan: Plan): Promise<void> {
  let opened = 0;
  const timer = setInterval(() => tell({ type: 'progress', opened, connected: meter.connected }), SECOND_MS / 2);
  try {
    const population = await settleIn(plan, meter, () => opened++);
    begun = { plan, population };
    await connectAll([...population.talking, ...population.idle], plan.connectRate).catch((error: Error) => {
      throw new UserError(
        `${meter.connected} of ${plan.users.length + plan.idle.length} connections of a generator came about (${error.message}).`,
      );
    });
    tell({ type: 'ready' });
  } finally {
    clearInterval(timer);
  }
}

async function run(): Promise<void> {
  if (!begun) throw new Error('start before ready');
  const { plan, population } = begun;
  traffic = new Traffic(plan, population, meter);
  if (stopped) traffic.stop();
  const begin = process.cpuUsage();
  const sampler = startSampler(population, traffic.measured);
  await traffic.run();
  const { user, system } = process.cpuUsage(begin);
  const rss = process.memoryUsage.rss();
  tell({ type: 'resting' });
  const details = await checkAll(population, meter, plan.settle);
  sampler.stop();
  for (const device of [...population.talking, ...population.idle]) device.close();
  population.api.close();
  const { counts } = meter;
  tell({ type: 'done', counts, latencies: meter.take(), details, cpuMicroseconds: user + system, rss });
}

/** Tells every second how things are, and once more when it is stopped. */
function startSampler(population: Population, measured: number): { stop(): void } {
  let [cpu, at] = [process.cpuUsage(), performance.now()];
  const sample = () => {
    const now = performance.now();
    const { user, system } = process.cpuUsage(cpu);
    const share = (user + system) / 1_000 / (now - at);
    [cpu, at] = [process.cpuUsage(), now];
    for (const device of population.talking) device.expire(now);
    tell({
      type: 'sample',
      at: (now - measured) / 1_000,
      counts: meter.counts,
      latencies: meter.take(),
      inFlight: meter.inFlight,
      connected: meter.connected,
      missing: population.talks.reduce((sum, { ledger }) => sum + ledger.missing(MISSING_MS), 0),
      badgesOff: population.talking.filter((device) => isOff(device, now)).length,
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

/** At rest for a while, and its badge is not what it has unread. */
function isOff(device: Device, now: number): boolean {
  if (!device.current || device.outbox.size > 0 || now - device.changedAt < BADGE_MS) return false;
  const known = unreadKnown(device);
  return known !== undefined && device.badge !== known;
}

function fail(error: Error): void {
  tell({ type: 'failed', message: error instanceof UserError ? error.message : (error.stack ?? error.message) });
}

function tell(message: FromGenerator): void {
  if (process.connected) process.send?.(message);
}
