import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Lifecycle, type Logger } from '@chat-cluster/runtime';

/**
 * A process with a lifecycle, in the scenario of its first argument. Prints one line for each event: `stopped <part>`,
 * and the log lines of the lifecycle.
 */
const print = (line: string) => process.stdout.write(`${line}\n`);
const log = (first: unknown, text?: string) => print(`log: ${text ?? first}`);
const logger = { debug() {}, info: log, warn: log, error: log, fatal: log } as unknown as Logger;

const forEver = () => new Promise(() => {});
const part = (name: string, stop: () => unknown = () => {}) =>
  lifecycle.own(name, name, async (value) => {
    await stop();
    print(`stopped ${value}`);
  });

/** A drain that may take `withinMs`. It prints a line when it begins and when it is hurried. */
const drainFor = (withinMs: number, run: (hurry: AbortSignal) => Promise<unknown>) =>
  lifecycle.drainWith({
    withinMs,
    run(hurry) {
      print(`draining, stopping: ${lifecycle.stopping}`);
      hurry.addEventListener('abort', () => print('hurried'), { once: true });
      return run(hurry);
    },
  });
const message = (wanted: string) =>
  new Promise<void>((resolve) => process.on('message', (text) => text === wanted && resolve()));

const scenario = process.argv[2];
const lifecycle = new Lifecycle(logger, scenario === 'deadline' || scenario === 'stuck' ? 50 : 60_000);
part('first');
switch (scenario) {
  case 'drains':
    drainFor(60_000, (hurry) => Promise.race([message('drained'), once(hurry, 'abort')]));
    void message('end').then(() => lifecycle.end('test'));
    break;
  case 'stuck':
    drainFor(20, forEver);
    break;
  case 'hangs':
  case 'deadline':
    process.on('SIGINT', () => print('received SIGINT'));
    part('hanging', forEver);
    break;
  case 'fails':
    lifecycle.own('rejecting', undefined, () => Promise.reject(new Error('no')));
    lifecycle.own('throwing', undefined, () => {
      throw new Error('no');
    });
    break;
  case 'twice':
    process.once('message', () => {
      lifecycle.end('first');
      lifecycle.end('second');
    });
    break;
  case 'uncaught':
    process.once('message', () => {
      throw new Error('uncaught');
    });
    break;
  case 'unhandled':
    process.once('message', () => void Promise.reject(new Error('unhandled')));
    break;
}
part('slow', () => delay(20));
part('last');
print(`stopping: ${lifecycle.stopping}`);
// Keeps the process alive, as its listeners would.
setInterval(() => {}, 60_000);
process.send?.('ready');
