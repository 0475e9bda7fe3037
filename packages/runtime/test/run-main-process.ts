import { once } from 'node:events';
import { createServer } from 'node:net';
import { announceReady, ConfigError, runMain } from '@chat-cluster/runtime';

/** A process whose main function ends in the way of its first argument. */
await runMain(async () => {
  switch (process.argv[2]) {
    case 'wrong variable':
      throw new ConfigError(['LANES: must be a whole number from 1 to 256']);
    case 'port in use': {
      const first = createServer().listen(0, '127.0.0.1');
      await once(first, 'listening');
      await once(createServer().listen(first.address()), 'listening');
      break;
    }
    case 'fault':
      throw new TypeError('a fault');
    case 'fault with code':
      new URL('no URL');
      break;
    default:
      announceReady({ type: 'ready', port: 7 });
      process.stdout.write('serving\n');
  }
});
