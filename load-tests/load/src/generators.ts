import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { type Child, startChild } from '@chat-cluster/testkit/processes';
import type { Done, GeneratorMethods } from './generator.ts';
import type { Connecting, Plan, Sample } from './protocol.ts';

export interface GeneratorEvents {
  sample(process: number, sample: Sample): void;
  done(process: number, done: Done): void;
  /** Sums over all processes while they connect. */
  progress(opened: number, connected: number): void;
}

/** The generator processes of a run, until disposed of. All promises reject with UserError when a process fails. */
export type Generators = ReturnType<typeof startGenerators>;

/** Starts one process per plan. */
export function startGenerators(plans: readonly Plan[], events: GeneratorEvents) {
  const connecting = plans.map((): Connecting => ({ opened: 0, connected: 0 }));
  const sum = (field: keyof Connecting) => connecting.reduce((total, one) => total + one[field], 0);
  const children = plans.map((_, i) => {
    const onEvent = (event: Sample | Connecting) => {
      if ('counts' in event) return events.sample(i, event);
      connecting[i] = event;
      events.progress(sum('opened'), sum('connected'));
    };
    return startChild<GeneratorMethods>(join(import.meta.dirname, 'generator.ts'), { onEvent });
  });
  const all = async (work: (child: Child<GeneratorMethods>, i: number) => Promise<void>) => {
    await Promise.all(children.map(work)).catch((error: Error) => {
      throw new UserError(error.message);
    });
  };
  return {
    /** Resolves when all users are connected. */
    prepare: () => all((child, i) => child.call('prepare', plans[i] as Plan)),
    /** Resolves when nothing more is sent. */
    send: () => all((child) => child.call('send', undefined)),
    /** Ends the sending. */
    stop: () => void all((child) => child.call('stop', undefined)).catch(() => {}),
    /** Resolves when everything is checked. */
    check: () => all(async (child, i) => events.done(i, await child.call('check', undefined))),
    async [Symbol.asyncDispose]() {
      await Promise.all(children.map((child) => child[Symbol.asyncDispose]()));
    },
  };
}
