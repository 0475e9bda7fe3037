import { backoff, type Logger } from '@chat-cluster/runtime';
import { createShardedAdapter } from '@socket.io/redis-adapter';
import { Counter } from 'prom-client';
import { GAP_CHANNEL, roomChannel } from './channels.ts';
import type { RedisClient } from './connection.ts';

const gaps = new Counter({
  name: 'chat_fanout_gaps_total',
  help: 'Times that emits may not have reached this gateway; its sockets are told to sync',
});

/**
 * The Socket.IO adapter of a gateway: a sharded pub/sub channel per room, so a message costs work only on gateways
 * that hold one of its users.
 *
 * The adapter subscribes without waiting after `join()`, so emits right after a join can be missed (5 of 200 in a
 * measurement). `subscribed(room)` resolves when Redis has confirmed the room's channel: whatever was committed before
 * is in Postgres, whatever is emitted after arrives. It rejects when Redis refuses.
 *
 * Subscriptions and their ends take turns per channel: node-redis answers a subscription at once while the end of an
 * earlier one is under way, and then drops both, so a room left and joined again would hear nothing any more. One that
 * fails is tried again until it succeeds: node-redis forgets a subscription whose connection broke before its answer.
 *
 * `onGap` calls its listener when the subscriptions are back after the connection was lost, since what was emitted
 * meanwhile was lost, and when a worker says that it does not know where its emits went.
 */
export function createGatewayAdapter(pub: RedisClient, sub: RedisClient, logger: Logger) {
  const pending = new Map<string, Promise<unknown>>();
  const inTurn =
    (command: (...args: unknown[]) => Promise<unknown>) =>
    (channel: string, ...rest: unknown[]) => {
      const run = () => untilDone(() => command(channel, ...rest), sub, logger);
      const earlier = pending.get(channel);
      const done = (earlier ? earlier.then(run) : run()).finally(() => {
        if (pending.get(channel) === done) pending.delete(channel);
      });
      pending.set(channel, done);
      return done;
    };
  // On the instance, not on a wrapper: the client's methods need its private fields.
  Object.assign(sub, {
    sSubscribe: inTurn(sub.sSubscribe.bind(sub) as (...args: unknown[]) => Promise<unknown>),
    sUnsubscribe: inTurn(sub.sUnsubscribe.bind(sub) as (...args: unknown[]) => Promise<unknown>),
  });
  return {
    adapter: createShardedAdapter(pub, sub, { subscriptionMode: 'dynamic' }),
    async subscribed(room: string): Promise<void> {
      await pending.get(roomChannel(room));
    },
    onGap(listener: () => void): void {
      const onGap = () => {
        gaps.inc();
        listener();
      };
      // The client is ready again when Redis has confirmed every subscription.
      sub.on('ready', onGap);
      void sub.sSubscribe(GAP_CHANNEL, onGap);
    },
  };
}

/** Never rejects. Gives up when the client is closed for good. */
async function untilDone(command: () => Promise<unknown>, sub: RedisClient, logger: Logger): Promise<void> {
  for (let attempt = 0; sub.isOpen; attempt++) {
    try {
      await command();
      return;
    } catch (error) {
      if (attempt === 1) logger.error({ reason: String(error) }, 'fan-out: a subscription fails, trying again');
      await backoff(attempt, 100, 2_000);
    }
  }
}
