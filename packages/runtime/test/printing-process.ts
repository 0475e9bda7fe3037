import { captureOutput, createLogger, runMain } from '@chat-cluster/runtime';

/** A process whose libraries print. Its main function fails if the first argument is `fails`. */
await runMain(async () => {
  if (process.argv[2] === 'fails at once') throw new TypeError('no logger yet');
  captureOutput(createLogger({ name: 'printing', level: 'info', format: 'json' }));
  for (let i = 0; i < 18; i++) console.warn('IMPORTANT! printed for each connection');
  console.log('a line with %s', 'arguments');
  console.info({ an: 'object' });
  console.error(new Error('an error with a stack'));
  console.table([{ a: 1 }]);
  console.trace('a trace');
  process.stderr.write('written\n');
  process.stdout.write(Buffer.from('as bytes\n'));
  process.stdout.write('\n');
  await new Promise<void>((resolve) => process.stdout.write('awaited\n', () => resolve()));
  process.emitWarning('a warning', { code: 'CODE1' });
  // biome-ignore lint/suspicious/noExplicitAny: deprecated, so TypeScript does not know that it may be called.
  (Buffer as any)('x');
  await new Promise((resolve) => setImmediate(resolve));
  if (process.argv[2] === 'fails') throw new TypeError('a fault');
});
