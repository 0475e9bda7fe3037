/** Kinds of violation that checkHistory finds, each with a description. */
export const VIOLATIONS = {
  lost: 'acknowledged, but not in the database (a message or a read mark)',
  duplicated: 'stored more than once',
  unexpected: 'in the database, but never sent, rejected for good, or sent with another content',
  outOfOrder: 'the messages of a sender are not in the order of seq',
  gap: 'the seq of a conversation is not 1, 2, 3 …',
  wrongAck: 'two acks of a message differ, or an ack and the database',
  deviceDiffers: 'after its last sync a device does not hold what the database holds',
  misdelivered: 'the client library reported messages twice, out of order or not at all',
  unsent: 'a message stayed in the outbox of the client library',
  wrongBadge: 'the last badge of a device is not the recount',
  wrongCounter: 'a stored counter is not the recount',
  unexpectedExit: 'a process ended without an order of a fault',
  unsettled: 'something was still in progress at the deadline',
} as const;

export type ViolationKind = keyof typeof VIOLATIONS;

export interface Violation {
  kind: ViolationKind;
  detail: string;
}
