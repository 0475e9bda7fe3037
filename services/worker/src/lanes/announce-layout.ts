import { announceLanes, type LaneServer, watchWipe } from '@chat-cluster/queue';
import { type Lifecycle, type Logger, logFirstFailure, retry } from '@chat-cluster/runtime';

/**
 * Announces the layout of the lanes on each of their servers, now and after a server was wiped. A wipe is healed like a
 * gap for all users: the requested recounts are lost too, so each gateway reads the badges of its sockets again.
 */
export async function announceLayout(
  lanes: number,
  servers: readonly LaneServer[],
  { fanout, logger, lifecycle }: { fanout: { gap(): void }; logger: Logger; lifecycle: Lifecycle },
): Promise<void> {
  for (const [index, { client }] of servers.entries()) {
    const announce = () => announceLanes(client, { lanes, index, servers: servers.length }, logger);
    await retry(announce, { onFailure: logFirstFailure(logger, 'lanes') });
    const wipes = watchWipe(client, async () => {
      await announce();
      fanout.gap();
    });
    lifecycle.own('wipe watch', wipes, (watch) => watch.stop());
  }
}
