/** Name of the BroadcastChannel on which the chat page publishes its ledger, at most four times per second. */
export const LEDGER_CHANNEL = 'chat-ledger';

/** Counts of the messages from one pane to the other one, since the page was opened or the ledger was reset. */
export interface LedgerDirection {
  from: string;
  to: string;
  /** Messages that the user sent in this page. */
  sent: number;
  /** Messages whose ack the sender has received. */
  stored: number;
  /** Messages that the other pane received, each counted once. */
  received: number;
  /** Stored, but not received by the other pane: under way, or lost if the number stays. */
  missing: number;
  /** Deliveries of a message that the other pane had received before. */
  duplicates: number;
  /** Messages that the other pane received after a later one of the same conversation. */
  outOfOrder: number;
}

/** Changes of messages (edits, deletions and reactions) in the conversations of both panes that one pane has. */
export interface LedgerChanges {
  user: string;
  count: number;
}

/** A message on the channel: totals, plain JSON. */
export interface LedgerTotals {
  /** Start of the count, in ms since 1970. */
  since: number;
  directions: LedgerDirection[];
  /** The changes that each pane has. Equal numbers: neither pane has missed one. */
  changes: LedgerChanges[];
}
