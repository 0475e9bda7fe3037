import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import type { Done, FromGenerator, Plan, Sample, ToGenerator } from './protocol.ts';

export interface FleetEvents {
  sample(process: number, sample: Sample): void;
  done(process: number, done: Done): void;
  /** Of all processes together, while they connect. */
  progress(opened: number, connected: number): void;
}

/** The generator processes. */
export interface Fleet extends AsyncDisposable {
  pids: number[];
  /** Resolves when everybody is connected. Rejects with UserError. */
  ready(): Promise<void>;
  start(): void;
  /** Nothing more is sent. */
  stop(): void;
  /** Resolves when nothing more is sent, and when everything is checked. Reject with UserError. */
  resting(): Promise<void>;
  done(): Promise<void>;
}

/** Starts a process for each plan. Dispose of it to end them. */
export function startFleet(plans: readonly Plan[], events: FleetEvents): Fleet {
  const progress = plans.map(() => ({ opened: 0, connected: 0 }));
  const sum = (field: 'opened' | 'connected') => progress.reduce((total, one) => total + one[field], 0);
  const members = plans.map((plan, i) =>
    startMember(plan, (message) => {
      if (message.type === 'sample') events.sample(i, message);
      if (message.type === 'done') events.done(i, message);
      if (message.type !== 'progress') return;
      progress[i] = message;
      events.progress(sum('opened'), sum('connected'));
    }),
  );
  const tell = (message: ToGenerator) => {
    for (const { child } of members) if (child.connected) child.send(message);
  };
  const all = (type: FromGenerator['type']) => Promise.all(members.map((member) => member.heard(type))).then(() => {});
  return {
    pids: members.map(({ child }) => child.pid ?? 0),
    ready: () => all('ready'),
    start: () => tell({ type: 'start' }),
    stop: () => tell({ type: 'stop' }),
    resting: () => all('resting'),
    done: () => all('done'),
    async [Symbol.asyncDispose]() {
      await Promise.all(members.map((member) => member.end()));
    },
  };
}

interface Member {
  child: ChildProcess;
  /** Resolves when it has told a message of this type, also long ago. */
  heard(type: FromGenerator['type']): Promise<void>;
  end(): Promise<void>;
}

function startMember(plan: Plan, hear: (message: FromGenerator) => void): Member {
  // Advanced: latencies are typed arrays.
  const child = fork(join(import.meta.dirname, 'generator.ts'), [], { serialization: 'advanced' });
  const ended = once(child, 'exit');
  const told = new Set<FromGenerator['type']>();
  let failure: UserError | undefined;
  let wake = () => {};
  let news = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const changed = () => {
    wake();
    news = new Promise((resolve) => {
      wake = resolve;
    });
  };
  child.on('message', (message: FromGenerator) => {
    hear(message);
    told.add(message.type);
    if (message.type === 'failed') failure = new UserError(message.message);
    changed();
  });
  child.once('exit', (code, signal) => {
    failure ??= new UserError(`A generator process ended (${signal ?? `code ${code}`}).`);
    changed();
  });
  child.send({ type: 'begin', plan } satisfies ToGenerator);
  return {
    child,
    async heard(type) {
      while (!told.has(type)) {
        if (failure) throw failure;
        await news;
      }
    },
    async end() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
