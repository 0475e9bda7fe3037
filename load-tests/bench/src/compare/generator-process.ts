import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { RunningArm } from './arms.ts';
import type { Device, FromGenerator, Outcome, Run, ToGenerator } from './wire.ts';

/** The generator of one running arm, with all of its pairs connected. Disposing of it closes them. */
export interface Generator extends AsyncDisposable {
  run(run: Run): Promise<Outcome>;
  /** Idle connections, until it ends. */
  hold(devices: Device[]): Promise<void>;
}

/** Forks it and connects the pairs of the arm. Rejects when one of them can not connect. */
export async function startGenerator({ protocol, devicesPerMessage, acks, pairs }: RunningArm): Promise<Generator> {
  const child = fork(join(import.meta.dirname, 'generator.ts'));
  const ended = once(child, 'exit');
  const ask = async (message: ToGenerator): Promise<FromGenerator> => {
    const done = new AbortController();
    try {
      const answer = once(child, 'message', { signal: done.signal });
      child.send(message);
      const [said] = (await Promise.race([answer, ended])) as [FromGenerator | number | null];
      if (typeof said !== 'object' || said === null) throw new Error(`the load generator ended (${said})`);
      if (said.type === 'failed') throw new Error(said.reason);
      return said;
    } finally {
      done.abort();
    }
  };
  const generator: Generator = {
    async run(run) {
      const answer = await ask({ type: 'run', run });
      if (answer.type !== 'outcome') throw new Error(`the load generator said ${answer.type}`);
      return answer.outcome;
    },
    async hold(devices) {
      await ask({ type: 'hold', protocol, devices });
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
  try {
    await ask({ type: 'connect', protocol, devicesPerMessage, acks, pairs });
    return generator;
  } catch (error) {
    await generator[Symbol.asyncDispose]();
    throw error;
  }
}
