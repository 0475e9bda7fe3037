import type { RedisClient } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';

/**
 * Logs an error when a server that has lanes may evict data when it is full: it would drop accepted messages. Checked
 * now and whenever the client leads to another server. A user without the right to read INFO checks nothing.
 */
export async function watchEviction(client: RedisClient, logger: Logger, server: number): Promise<void> {
  const check = async () => {
    const info = String(await client.sendCommand(['INFO', 'memory']).catch(() => ''));
    const [, policy] = /^maxmemory_policy:(\S+)/m.exec(info) ?? [];
    if (policy === undefined || policy === 'noeviction') return;
    const remedy = 'set maxmemory-policy noeviction on this server of REDIS_QUEUE_URLS';
    logger.error({ server, policy, remedy }, 'lanes: redis may evict accepted messages');
  };
  client.onMoved(() => void check());
  await check();
}
