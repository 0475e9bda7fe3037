import { announceLanes, type LaneServer, watchEviction, watchWipe } from '@chat-cluster/queue';
import { logFirstFailure, retry } from '@chat-cluster/runtime';
import type { Context } from '../connect-servers.ts';

/**
 * Announces the layout of the lanes on each of their servers, now and after a server lost its data (a wipe). After a
 * wipe all users get `sync_required`, as after lost emits. Requested recounts are lost too, so each gateway reads the
 * badges of its sockets again. A server that may evict accepted messages is logged.
 */
export async function announceLayout(
  { config, logger, lifecycle }: Context,
  servers: readonly LaneServer[],
  fanout: { gap(): void },
): Promise<void> {
  for (const [index, { client }] of servers.entries()) {
    const layout = { lanes: config.LANES, index, servers: servers.length };
    const announce = () => announceLanes(client, layout, logger);
    await retry(announce, { onFailure: logFirstFailure(logger, 'lanes') });
    await watchEviction(client, logger, index);
    const wipes = watchWipe(client, async () => {
      await announce();
      fanout.gap();
    });
    lifecycle.own('wipe watch', wipes, (watch) => watch.stop());
  }
}
