import { join } from 'node:path';
import { startChild } from '@chat-cluster/testkit/processes';
import type { Device } from '../traffic/connection.ts';
import type { GeneratorMethods } from '../traffic/generator.ts';
import type { Load, Outcome } from '../traffic/run.ts';
import type { ArmOptions, RunningArm } from './arm.ts';

/** A running arm, and a load generator that is connected to it. Disposing of it stops both. */
export interface ArmUnderLoad<A extends RunningArm> extends AsyncDisposable {
  arm: A;
  run(load: Load): Promise<Outcome>;
  /** Connects idle devices, which stay connected. */
  hold(devices: Device[]): Promise<void>;
}

/**
 * Starts an arm and a generator, and connects the conversations. Once a process of the arm has ended by itself, runs
 * count as died.
 */
export async function startUnderLoad<A extends RunningArm, Options extends ArmOptions>(
  start: (options: Options, undo: AsyncDisposableStack) => Promise<A>,
  options: Omit<Options, 'onUnexpectedExit'>,
): Promise<ArmUnderLoad<A>> {
  const ended: string[] = [];
  await using undo = new AsyncDisposableStack();
  const onUnexpectedExit = (line: string) => ended.push(line);
  const arm = await start({ ...options, onUnexpectedExit } as unknown as Options, undo);
  const generator = undo.use(startChild<GeneratorMethods>(join(import.meta.dirname, '../traffic/generator.ts')));
  const { protocol, devicesPerMessage, acks, conversations, apart = false } = arm;
  await generator.call('connect', { protocol, devicesPerMessage, acks, conversations, apart });
  const running = undo.move();
  return {
    arm,
    async run(load) {
      const outcome = await generator.call('run', { ...load, processes: arm.processes });
      if (ended.length > 0) outcome.died ??= ended.join(' ');
      return outcome;
    },
    hold: (devices) => generator.call('hold', devices),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
