/* A generator process: the coordinator (generators.ts) calls its methods and receives its events. */
import { UserError } from '@chat-cluster/runtime';
import { serveParent } from '@chat-cluster/testkit/processes';
import type { Device } from './device.ts';
import { expectedBadge, finalCheck } from './final-check.ts';
import { Meter } from './meter.ts';
import { OpenLoop } from './open-loop.ts';
import { connectAll, createPopulation, type Population } from './population.ts';
import type { Connecting, Plan, Sample } from './protocol.ts';

const SECOND_MS = 1_000;
/** Age from which an acknowledged message counts as missing, and a badge of a user at rest as wrong; in ms. */
const MISSING_MS = 10_000;
const BADGE_MS = 3_000;

const meter = new Meter();
let prepared: { plan: Plan; population: Population } | undefined;
/** With the CPU time while messages were sent, in microseconds, and the resident memory at the end of it, in bytes. */
let running: { loop: OpenLoop; sampler: { stop(): void }; cpuMicroseconds: number; rss: number } | undefined;
let stopped = false;

// The coordinator handles Ctrl-C and calls `stop`.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const methods = {
  /** Opens the conversations and connects all users. */
  async prepare(plan: Plan): Promise<void> {
    let opened = 0;
    const timer = setInterval(() => emit({ opened, connected: meter.connected } satisfies Connecting), SECOND_MS / 2);
    try {
      const population = await createPopulation(plan, meter, () => opened++);
      prepared = { plan, population };
      await connectAll([...population.active, ...population.idle], plan.connectRate).catch((error: Error) => {
        const all = plan.users.length + plan.idle.length;
        throw new UserError(
          `Only ${meter.connected} of ${all} connections of a generator are open (${error.message}).`,
        );
      });
    } finally {
      clearInterval(timer);
    }
  },

  /** Sends messages until the end of the plan or `stop`. */
  async send(): Promise<void> {
    if (!prepared) throw new Error('send before prepare');
    const { plan, population } = prepared;
    const loop = new OpenLoop(plan, population, meter);
    if (stopped) loop.stop();
    const cpuAtStart = process.cpuUsage();
    running = { loop, sampler: startSampler(population, loop.measureFrom), cpuMicroseconds: 0, rss: 0 };
    await loop.run();
    const { user, system } = process.cpuUsage(cpuAtStart);
    running.cpuMicroseconds = user + system;
    running.rss = process.memoryUsage.rss();
  },

  stop(): void {
    stopped = true;
    running?.loop.stop();
  },

  /** The final check, after all processes have sent. */
  async check() {
    if (!prepared || !running) throw new Error('check before send');
    const { plan, population } = prepared;
    const details = await finalCheck(population, meter, plan.settle);
    running.sampler.stop();
    for (const device of [...population.active, ...population.idle]) device.close();
    population.api.close();
    const { cpuMicroseconds, rss } = running;
    return { counts: meter.counts, latencies: meter.take(), details, cpuMicroseconds, rss };
  },
};

export type GeneratorMethods = typeof methods;
/** The result of a generator process, after its final check. `details`: sentences about the first failures. */
export type Done = Awaited<ReturnType<GeneratorMethods['check']>>;

const emit = serveParent(methods);

/** Sends a sample every second, and a last one when it is stopped. */
function startSampler(population: Population, measureFrom: number): { stop(): void } {
  let [cpu, at] = [process.cpuUsage(), performance.now()];
  const sample = () => {
    const now = performance.now();
    const { user, system } = process.cpuUsage(cpu);
    const share = (user + system) / 1_000 / (now - at);
    [cpu, at] = [process.cpuUsage(), now];
    emit({
      at: (now - measureFrom) / 1_000,
      counts: meter.counts,
      latencies: meter.take(),
      inFlight: meter.inFlight,
      connected: meter.connected,
      missing: population.conversations.reduce((sum, { checker }) => sum + checker.missing(MISSING_MS), 0),
      badgesOff: population.active.filter((device) => hasWrongBadge(device, now)).length,
      cpu: share,
    } satisfies Sample);
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
  if (!device.isLive || device.core.outbox.size > 0 || now - device.changedAt < BADGE_MS) return false;
  const expected = expectedBadge(device);
  return expected !== undefined && device.core.badge !== expected;
}
