import { type QueueServer, serverOf } from '@chat-cluster/queue';

/** A lane and the Redis server that has it. */
export interface PlacedLane {
  lane: string;
  laneNumber: number;
  server: QueueServer;
}

/** The lanes of one kind with their servers, in the order of their numbers. */
export function placeLanes(
  lanes: number,
  nameOf: (laneNumber: number) => string,
  servers: readonly QueueServer[],
): PlacedLane[] {
  return Array.from({ length: lanes }, (_, laneNumber) => ({
    lane: nameOf(laneNumber),
    laneNumber,
    server: serverOf(laneNumber, servers),
  }));
}
