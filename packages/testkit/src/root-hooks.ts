import { eventually } from './eventually.ts';
import { stopPrivateServers } from './servers.ts';

/** Time for the process to exit after the tests, in ms. Longer than the 30 s that engine.io waits for a last poll. */
const EXIT_WITHIN_MS = 40_000;

/** Root hooks of mocha: they stop the servers of the run, and fail a run that leaks a process or a connection. */
export const mochaHooks = {
  async afterAll() {
    // A reconnecting client, a timer or a process that was not stopped would keep the run from ending.
    setTimeout(() => {
      process.stderr.write(`still active after the tests: ${process.getActiveResourcesInfo().join(', ')}\n`);
      // Without mocha's listener, which would replace this exit code.
      process.removeAllListeners('exit');
      process.exit(1);
    }, EXIT_WITHIN_MS).unref();
    await stopPrivateServers();
    await eventually(() => {
      const leaked = process
        .getActiveResourcesInfo()
        .filter((kind) => /^(ProcessWrap|TCPSocketWrap|TCPServerWrap)$/.test(kind));
      if (leaked.length > 0) throw new Error(`left open by the tests: ${[...new Set(leaked)].join(', ')}`);
    }, 20_000);
  },
};
