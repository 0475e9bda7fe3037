import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import type { Done, FromGenerator, Plan, Sample, ToGenerator } from './protocol.ts';

export interface GeneratorEvents {
  sample(process: number, sample: Sample): void;
  done(process: number, done: Done): void;
  /** Sums over all processes while they connect. */
  progress(opened: number, connected: number): void;
}

/** The generator processes of a run, until disposed of. All promises reject with UserError when a process fails. */
export interface Generators extends AsyncDisposable {
  /** Resolves when all users are connected. */
  ready(): Promise<void>;
  start(): void;
  /** Ends the sending. */
  stop(): void;
  /** Resolves when nothing more is sent. */
  sent(): Promise<void>;
  /** Resolves when everything is checked. */
  done(): Promise<void>;
}

/** Starts one process per plan. */
export function startGenerators(plans: readonly Plan[], events: GeneratorEvents): Generators {
  const progress = plans.map(() => ({ opened: 0, connected: 0 }));
  const sum = (field: 'opened' | 'connected') => progress.reduce((total, one) => total + one[field], 0);
  const generators = plans.map((plan, i) =>
    startGenerator(plan, (message) => {
      if (message.type === 'sample') events.sample(i, message);
      if (message.type === 'done') events.done(i, message);
      if (message.type !== 'progress') return;
      progress[i] = message;
      events.progress(sum('opened'), sum('connected'));
    }),
  );
  const send = (message: ToGenerator) => {
    for (const { child } of generators) if (child.connected) child.send(message);
  };
  const all = async (milestone: Milestone) => {
    await Promise.all(generators.map(({ milestones }) => milestones[milestone].promise));
  };
  return {
    ready: () => all('ready'),
    start: () => send({ type: 'start' }),
    stop: () => send({ type: 'stop' }),
    sent: () => all('sent'),
    done: () => all('done'),
    async [Symbol.asyncDispose]() {
      await Promise.all(generators.map((generator) => generator.end()));
    },
  };
}

type Milestone = 'ready' | 'sent' | 'done';

interface Generator {
  child: ChildProcess;
  milestones: Record<Milestone, PromiseWithResolvers<void>>;
  end(): Promise<void>;
}

function startGenerator(plan: Plan, onMessage: (message: FromGenerator) => void): Generator {
  // 'advanced' transfers typed arrays, which latencies are.
  const child = fork(join(import.meta.dirname, 'generator.ts'), [], { serialization: 'advanced' });
  const exited = once(child, 'exit');
  const promise = () => Promise.withResolvers<void>();
  const milestones = { ready: promise(), sent: promise(), done: promise() };
  const fail = (error: UserError) => {
    for (const milestone of Object.values(milestones)) {
      milestone.promise.catch(() => {});
      milestone.reject(error);
    }
  };
  child.on('message', (message: FromGenerator) => {
    onMessage(message);
    if (message.type === 'failed') fail(new UserError(message.message));
    if (Object.hasOwn(milestones, message.type)) milestones[message.type as Milestone].resolve();
  });
  child.once('exit', (code, signal) => fail(new UserError(`A generator process ended (${signal ?? `code ${code}`}).`)));
  child.send({ type: 'prepare', plan } satisfies ToGenerator);
  return {
    child,
    milestones,
    async end() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
