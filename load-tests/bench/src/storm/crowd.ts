import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import type { CrowdUser } from './crowd-client.ts';
import type { FromCrowd, ToCrowd } from './crowd-process.ts';

type Settled = Extract<FromCrowd, { type: 'settled' }>;

/** Many clients of one gateway, held by a process of their own. */
export interface Crowd extends AsyncDisposable {
  pid: number;
  /** Where they go from their next attempt on. */
  goTo(port: number): void;
  /** When each of them was in sync again, in ms since the epoch. Rejects after `withinMs`. */
  inSync(withinMs: number): Promise<number[]>;
  /** What they hold in the end, against what was stored. */
  settle(lastSeq: number[]): Promise<Settled>;
}

/** Starts the process; `inSync()` tells when all of them are there. */
export function startCrowd(port: number, users: CrowdUser[]): Crowd {
  const child = fork(join(import.meta.dirname, 'crowd-process.ts'));
  const ended = once(child, 'exit');
  const tell = (message: ToCrowd) => child.send(message);
  tell({ type: 'begin', port, users });
  return {
    pid: child.pid ?? 0,
    goTo: (elsewhere) => tell({ type: 'elsewhere', port: elsewhere }),
    inSync: async (withinMs) => (await hears(child, 'in-sync', withinMs)).at,
    settle(lastSeq) {
      tell({ type: 'settle', lastSeq });
      return hears(child, 'settled', 30_000);
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

function hears<T extends FromCrowd['type']>(
  child: ChildProcess,
  type: T,
  withinMs: number,
): Promise<Extract<FromCrowd, { type: T }>> {
  return new Promise((resolve, reject) => {
    const settle = (end: () => void) => {
      clearTimeout(timer);
      child.off('message', hear).off('exit', gone);
      end();
    };
    const hear = (message: FromCrowd) => {
      if (message.type === type) settle(() => resolve(message as Extract<FromCrowd, { type: T }>));
    };
    const gone = () => settle(() => reject(new UserError('the process of the crowd ended')));
    const late = () => settle(() => reject(new UserError(`the crowd was not ${type} within ${withinMs} ms`)));
    const timer = setTimeout(late, withinMs);
    child.on('message', hear).on('exit', gone);
  });
}
