import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@chat-cluster/runtime';
import { Lifecycle } from '@chat-cluster/runtime/lifecycle';

/**
 * A process with a life: the scenario of its first argument. Tells what happens, one line each: `stopped <part>`, and
 * what the lifecycle logs.
 */
const tell = (line: string) => process.stdout.write(`${line}\n`);
const log = (first: unknown, text?: string) => tell(`log: ${text ?? first}`);
const logger = { debug() {}, info: log, warn: log, error: log, fatal: log } as unknown as Logger;

const forEver = () => new Promise(() => {});
const part = (name: string, stop: () => unknown = () => {}) =>
  lifecycle.own(name, name, async (value) => {
    await stop();
    tell(`stopped ${value}`);
  });

const scenario = process.argv[2];
const lifecycle = new Lifecycle(logger, scenario === 'deadline' ? 50 : 60_000);
part('first');
switch (scenario) {
  case 'hangs':
  case 'deadline':
    part('hanging', forEver);
    break;
  case 'fails':
    lifecycle.own('rejecting', undefined, () => Promise.reject(new Error('no')));
    lifecycle.own('throwing', undefined, () => {
      throw new Error('no');
    });
    break;
  case 'twice':
    process.once('message', async () => {
      await Promise.all([lifecycle.stop(), lifecycle.stop()]);
      tell(`stopping: ${lifecycle.stopping}`);
    });
    break;
  case 'uncaught':
    process.once('message', () => {
      throw new Error('nobody catches this');
    });
    break;
  case 'unhandled':
    process.once('message', () => void Promise.reject(new Error('nobody handles this')));
    break;
}
part('slow', () => delay(20));
part('last');
tell(`stopping: ${lifecycle.stopping}`);
// Keeps the process alive, as its listeners would.
setInterval(() => {}, 60_000);
process.send?.('ready');
