/** Kinds of violation that checkHistory finds, each with a description. */
export const VIOLATIONS = {
  lost: 'acknowledged, but not in the database (a message, a read mark or a change)',
  duplicated: 'stored or applied more than once',
  unexpected: 'in the database, but never requested, rejected for good, or with another content',
  outOfOrder: 'the messages of a sender are not in the order of seq',
  gap: 'the seq of a conversation is not 1, 2, 3 …',
  wrongAck: 'two acks of a message differ, or an ack and the database',
  deviceDiffers: 'after its last sync a device does not hold what the database holds',
  misdelivered: 'the client library reported messages twice, out of order or not at all',
  outsideWindow: 'a device received an entry of a group that its user may not see',
  wrongMembership: 'the members of a group are not those that its entries report, or had no right to what they did',
  overCap: 'a group, or a user, is above a cap',
  revGap: 'the changes of a conversation are not numbered 1, 2, 3 …',
  staleChange: 'a device showed a message as it was before a change that it had shown',
  deletedShown: 'the content of a deleted message appeared after its deletion',
  wrongReceipt: 'a mark of a user moved back on a device, or is beyond the stored one',
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
