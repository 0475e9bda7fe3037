import { type Fanout, recountUnread, type UnreadCounts } from '@chat-cluster/domain';
import { type LaneProcessor, recountDirtyBadges } from '@chat-cluster/queue';
import type { RedisClient } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';

export interface RecountPorts {
  /** The client of the lane's server. */
  client: RedisClient;
  laneNumber: number;
  unread: UnreadCounts;
  fanout: Fanout;
  logger: Logger;
  /** Aborted when the process stops. */
  signal: AbortSignal;
}

/** Processes a recount lane: recounts its dirty badges and sends the counts to all devices of their users. */
export function createRecountProcessor(ports: RecountPorts): LaneProcessor<unknown> {
  const { client, laneNumber, logger, signal } = ports;
  return {
    process: (_wakeUp, hold) =>
      recountDirtyBadges(client, laneNumber, (badges) => recountUnread(ports, badges), { hold, logger, signal }),
    // A batch only signals that recounts were requested, so one run handles all waiting batches.
    join: { weigh: () => 0, maxWeight: 0 },
  };
}
