/**
 * All metrics. Trends are in milliseconds. Those of messages count from the time at which the message was due by the
 * schedule, not from when the generator sent it.
 */
export const METRICS = {
  chat_connect_ms: { kind: 'trend', about: 'from the attempt to the session' },
  chat_recovery_ms: { kind: 'trend', about: 'from a lost connection to connected and synced again, back-off included' },
  chat_ack_ms: { kind: 'trend', about: 'from the due time of a message to its ack' },
  chat_delivery_ms: { kind: 'trend', about: 'from the due time of a message to new_message at each other user' },
  chat_read_ms: { kind: 'trend', about: 'from read_messages to its ack' },
  chat_send_lag_ms: { kind: 'trend', about: 'how late the generator sent: large values make all others meaningless' },
  chat_sent: { kind: 'counter', about: 'messages that were due' },
  chat_acked: { kind: 'counter', about: 'messages with an ack: stored' },
  chat_refused: { kind: 'counter', about: 'messages answered with an error; the tag code has its code' },
  chat_unanswered: { kind: 'counter', about: 'messages without any answer at the end' },
  chat_resent: { kind: 'counter', about: 'messages resent after a lost connection or 10 s without an answer' },
  chat_delivered: { kind: 'counter', about: 'deliveries: messages that a device received for the first time' },
  chat_synced: { kind: 'counter', about: 'deliveries by sync instead of an event' },
  chat_lost: { kind: 'counter', about: 'missing deliveries of acknowledged messages' },
  chat_duplicated: { kind: 'counter', about: 'events that a device received twice on one connection' },
  chat_out_of_order: { kind: 'counter', about: 'events that came after one with a higher seq in their conversation' },
  chat_reads: { kind: 'counter', about: 'read_messages with an ack' },
  chat_failed_reads: { kind: 'counter', about: 'read_messages refused or without an answer' },
  chat_delivered_marks: { kind: 'counter', about: 'groups: mark_delivered with an ack, once per second and device' },
  chat_marks_received: { kind: 'counter', about: 'groups: messages_delivered, the marks of other members' },
  chat_reconnects: { kind: 'counter', about: 'lost connections that were replaced' },
  chat_failed_connects: { kind: 'counter', about: 'attempts without a session: refused upgrades, no server' },
  chat_refused_connects: { kind: 'counter', about: 'refused tokens; the tag code has the reason' },
  chat_unreadable: { kind: 'counter', about: 'packets that were dropped as malformed' },
  chat_loss_ratio: { kind: 'rate', about: 'share of acknowledged messages × devices that is missing' },
  chat_unacked_ratio: { kind: 'rate', about: 'share of messages refused or without an answer' },
  chat_connect_failed_ratio: { kind: 'rate', about: 'share of devices that never connected' },
} satisfies Record<string, { kind: 'trend' | 'counter' | 'rate'; about: string }>;

export type MetricName = keyof typeof METRICS;
/** Tags have few values, since each value creates a series. */
export type Tags = Record<string, string>;

/** Receives the samples: k6's metrics, or those of a test. */
export interface Meter {
  add(name: MetricName, value: number | boolean, tags?: Tags): void;
}
