// @ts-check

/**
 * All that is measured. Trends are in milliseconds; those of messages count from the time at which the message was to be
 * sent by the schedule, not from when the generator came to it.
 *
 * @satisfies {Record<string, { kind: 'trend' | 'counter' | 'rate', about: string }>}
 */
export const METRICS = {
  chat_connect_ms: { kind: 'trend', about: 'from the attempt to the accepted token' },
  chat_recovery_ms: { kind: 'trend', about: 'from a lost connection to connected and synced again, back-off included' },
  chat_ack_ms: { kind: 'trend', about: 'from the intended time of a message to its ack' },
  chat_delivery_ms: { kind: 'trend', about: 'from the intended time of a message to new_message at the other user' },
  chat_read_ms: { kind: 'trend', about: 'from read_messages to its ack' },
  chat_send_lag_ms: {
    kind: 'trend',
    about: 'how late the generator itself was: a large one makes all others worthless',
  },
  chat_sent: { kind: 'counter', about: 'messages whose time came' },
  chat_acked: { kind: 'counter', about: 'messages with an ack: stored' },
  chat_refused: { kind: 'counter', about: 'messages answered with an error; the tag code says which' },
  chat_unanswered: { kind: 'counter', about: 'messages without any answer' },
  chat_resent: { kind: 'counter', about: 'messages sent again after a reconnect' },
  chat_delivered: { kind: 'counter', about: 'times that a device heard a message, for the first time' },
  chat_synced: { kind: 'counter', about: 'those of them that sync brought, not an event' },
  chat_lost: { kind: 'counter', about: 'times that a device never heard a message that was acknowledged' },
  chat_duplicated: { kind: 'counter', about: 'events that a device heard twice on one connection' },
  chat_out_of_order: { kind: 'counter', about: 'events that came behind a later one of their conversation' },
  chat_reads: { kind: 'counter', about: 'read_messages with an ack' },
  chat_failed_reads: { kind: 'counter', about: 'read_messages refused or without an answer' },
  chat_reconnects: { kind: 'counter', about: 'lost connections that were replaced' },
  chat_failed_connects: {
    kind: 'counter',
    about: 'attempts that did not come to a session: refused upgrades, nobody there',
  },
  chat_refused_connects: { kind: 'counter', about: 'tokens that were refused; the tag code says why' },
  chat_unreadable: { kind: 'counter', about: 'packets that were dropped' },
  chat_loss_ratio: { kind: 'rate', about: 'of acknowledged messages × devices: never heard' },
  chat_unacked_ratio: { kind: 'rate', about: 'of messages: refused or without an answer' },
  chat_connect_failed_ratio: { kind: 'rate', about: 'of devices: never connected' },
};

/**
 * @typedef {keyof typeof METRICS} MetricName
 * @typedef {Record<string, string>} Tags
 * @typedef {{ add(name: MetricName, value: number | boolean, tags?: Tags): void }} Meter where samples go: k6's metrics, or
 *   whatever a test likes. Tags have few values, since each makes a series of its own.
 */
