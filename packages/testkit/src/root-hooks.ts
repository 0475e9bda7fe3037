import { eventually } from './eventually.ts';
import { stopPrivateServers } from './servers.ts';

/** More than engine.io waits, 30 s, for the poll of a client that has left. */
const GOES_ON_MS = 40_000;

/** Mocha's root hooks: what the run started is stopped, and a run that leaks a process or a connection fails. */
export const mochaHooks = {
  async afterAll() {
    // A client that tries to come back, a timer, or a process that nobody stopped, would keep the run from ending.
    setTimeout(() => {
      process.stderr.write(`the tests left something that goes on: ${process.getActiveResourcesInfo().join(', ')}\n`);
      // Mocha's own would put its exit code in the place of ours.
      process.removeAllListeners('exit');
      process.exit(1);
    }, GOES_ON_MS).unref();
    await stopPrivateServers();
    await eventually(() => {
      const leaked = process
        .getActiveResourcesInfo()
        .filter((kind) => /^(ProcessWrap|TCPSocketWrap|TCPServerWrap)$/.test(kind));
      if (leaked.length > 0) throw new Error(`the tests left open: ${[...new Set(leaked)].join(', ')}`);
    }, 3_000);
  },
};
