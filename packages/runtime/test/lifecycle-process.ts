import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Lifecycle, type Logger } from '@chat-cluster/runtime';

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

/** A drain that may take so long, and tells when it begins and is hurried. */
const drainFor = (withinMs: number, run: (hurry: AbortSignal) => Promise<unknown>) =>
  lifecycle.drainWith({
    withinMs,
    run(hurry) {
      tell(`draining, stopping: ${lifecycle.stopping}`);
      hurry.addEventListener('abort', () => tell('hurried'), { once: true });
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
    void message('end').then(() => lifecycle.end('asked'));
    break;
  case 'stuck':
    drainFor(20, forEver);
    break;
  case 'hangs':
  case 'deadline':
    process.on('SIGINT', () => tell('heard SIGINT'));
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
