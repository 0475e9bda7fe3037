import { eventually } from './eventually.ts';
import { stopPrivateServers } from './servers.ts';

/** Mocha's root hooks: what the run started is stopped, and a run that leaks a process or a connection fails. */
export const mochaHooks = {
  async afterAll() {
    await stopPrivateServers();
    await eventually(() => {
      const leaked = process
        .getActiveResourcesInfo()
        .filter((kind) => /^(ProcessWrap|TCPSocketWrap|TCPServerWrap)$/.test(kind));
      if (leaked.length > 0) throw new Error(`the tests left open: ${leaked.join(', ')}`);
    }, 3_000);
    // A client that tries to come back, or a timer, would keep the run from ending: nothing is open in between.
    setTimeout(() => {
      process.stderr.write(`the tests left something that goes on: ${process.getActiveResourcesInfo().join(', ')}\n`);
      process.exit(1);
    }, 15_000).unref();
  },
};
