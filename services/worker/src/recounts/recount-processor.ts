import { type Fanout, recountUnread, type UnreadCounts } from '@chat-cluster/domain';
import { type JoinRule, type LaneHold, type LaneProcessor, recountDirtyBadges } from '@chat-cluster/queue';
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

/** What a recount lane does: recounts its dirty badges and sends the counts to all devices of their users. */
export class RecountProcessor implements LaneProcessor<unknown> {
  /** The batches are wake-ups: one run serves all that wait. */
  readonly join: JoinRule<unknown> = { weigh: () => 0, maxWeight: 0 };
  #ports: RecountPorts;

  constructor(ports: RecountPorts) {
    this.#ports = ports;
  }

  process(_wakeUp: unknown, hold: LaneHold): Promise<void> {
    const { client, laneNumber, unread, fanout, logger, signal } = this.#ports;
    return recountDirtyBadges(client, laneNumber, (badges) => recountUnread({ unread, fanout }, badges), {
      hold,
      logger,
      signal,
    });
  }
}
