import type { UserId } from '@chat-cluster/contracts';
import { every, type Logger, withDeadline } from '@chat-cluster/runtime';
import type { RedisClient } from '../connection/connection.ts';
import type { GatewayRegistry } from './gateway-registry.ts';
import { RetryingKeySet } from './retrying-key-set.ts';
import { createPresenceStore } from './store.ts';

/** Held by a gateway that announces none of its users (PRESENCE=off). No user has this id. */
export const HIDDEN_USERS = '' as UserId;

/** Time in which the entry is written again, in ms: a third of its lifetime. */
const REFRESH_MS = 60_000;
/** Longest wait of a stop for the release of the entry, in ms. */
const STOP_DEADLINE_MS = 1_000;

export interface HiddenUsersDeps {
  cache: RedisClient;
  gateways: GatewayRegistry;
  logger: Logger;
  /** Called when Redis has the entry again that it had lost. */
  onRestored(): void;
}

/**
 * Announces that this gateway has users whose presence Redis does not hold. A reader then regards every user as
 * connected: without the entry, no member of a group would get a badge.
 */
export function announceHiddenUsers(deps: HiddenUsersDeps): { stop(): Promise<void> } {
  const { cache, gateways, logger, onRestored } = deps;
  const store = createPresenceStore(cache, gateways.id);
  let attempts = 0;
  const write = async () => {
    const isFirst = attempts++ === 0;
    const changed = await store.write([HIDDEN_USERS], []);
    if (changed.length > 0 && !isFirst) onRestored();
  };
  const written = new RetryingKeySet<UserId>(write, logger, 'presence: announcing');
  const announce = () => written.add(HIDDEN_USERS);
  announce();
  store.onReconnect(announce);
  gateways.onLeaseLost(announce);
  const refresh = every(REFRESH_MS, announce);
  return {
    async stop() {
      void refresh.stop();
      written.stop();
      await withDeadline(store.write([], [HIDDEN_USERS]), STOP_DEADLINE_MS, 'presence').catch(() => {});
    },
  };
}
