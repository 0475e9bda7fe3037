import { Socket } from 'node:net';
import { eventually } from './eventually.ts';
import { stopPrivateServers } from './servers.ts';

/** Time for sockets and processes of the tests to end, in ms. engine.io waits 30 s for a last poll. */
const ENDED_WITHIN_MS = 60_000;
/** Time for the process to exit after the tests, in ms. */
const EXIT_WITHIN_MS = 90_000;

/** Root hooks of mocha: they stop the servers of the run, and fail a run that leaks a process or a connection. */
export const mochaHooks = {
  async afterAll() {
    // A reconnecting client, a timer or a process that was not stopped would keep the run from ending.
    setTimeout(() => {
      const active = [...process.getActiveResourcesInfo(), ...openSockets()];
      process.stderr.write(`still active after the tests: ${active.join(', ')}\n`);
      // Without mocha's listener, which would replace this exit code.
      process.removeAllListeners('exit');
      process.exit(1);
    }, EXIT_WITHIN_MS).unref();
    await stopPrivateServers();
    await eventually(() => {
      const leaked = process
        .getActiveResourcesInfo()
        .filter((kind) => /^(ProcessWrap|TCPSocketWrap|TCPServerWrap)$/.test(kind));
      if (leaked.length === 0) return;
      throw new Error(`left open by the tests: ${[...new Set(leaked), ...openSockets()].join(', ')}`);
    }, ENDED_WITHIN_MS);
  },
};

/** The TCP connections of this process. Node lists their handles in a function without documentation only. */
function openSockets(): string[] {
  const { _getActiveHandles: handles = () => [] } = process as { _getActiveHandles?: () => unknown[] };
  return handles().flatMap((one) =>
    one instanceof Socket && one.remotePort !== undefined ? [`${one.localPort} to ${one.remotePort}`] : [],
  );
}
