/** Two inputs for an alert: series by name, with one value per minute, in promtool's notation. */
export interface AlertCase {
  /** Series with which the alert fires. */
  fires: Record<string, string>;
  /** Series with which it does not. */
  silent: Record<string, string>;
  /** Time of the evaluation, counted from the first value. */
  after: string;
}

const sends = (result: string) => `chat_events_total{event="send_message", result="${result}"}`;
const acks = (bucket: string) => `chat_event_duration_seconds_bucket{event="send_message", le="${bucket}"}`;
const allAcks = 'chat_event_duration_seconds_count{event="send_message"}';
const delivered = 'chat_delivery_seconds_bucket{le="1"}';
const allDelivered = 'chat_delivery_seconds_count';
const handshakes = (result: string) => `chat_handshakes_total{result="${result}"}`;
const forwarded = (addresses: string) => `chat_handshakes_forwarded_total{addresses="${addresses}"}`;
const cuts = (reason: string) => `chat_connections_cut_total{reason="${reason}"}`;
const postgresUp = 'chat_dependency_up{dependency="postgres", instance="worker-1"}';

/** Counters of 1,000 events per minute, of which `bad` fail. */
const share = (bad: number, minutes: number) => ({ bad: `0+${bad}x${minutes}`, good: `0+${1_000 - bad}x${minutes}` });
const errors = (bad: number, minutes: number) => ({
  [sends('ok')]: share(bad, minutes).good,
  [sends('UNAVAILABLE')]: share(bad, minutes).bad,
});
const slowAcks = (bad: number, minutes: number) => ({
  [acks('0.5')]: share(bad, minutes).good,
  [allAcks]: share(0, minutes).good,
});
const slowDelivery = (bad: number, minutes: number) => ({
  [delivered]: share(bad, minutes).good,
  [allDelivered]: share(0, minutes).good,
});

/** Cases by the name of the alert. */
export const ALERT_CASES: Record<string, AlertCase> = {
  ChatAckErrors: { fires: errors(20, 70), silent: errors(5, 70), after: '70m' },
  ChatAckErrorsLongTerm: { fires: errors(2, 80), silent: errors(0, 80), after: '80m' },
  ChatAcksSlow: { fires: slowAcks(200, 70), silent: slowAcks(50, 70), after: '70m' },
  ChatAcksSlowLongTerm: { fires: slowAcks(20, 80), silent: slowAcks(5, 80), after: '80m' },
  ChatDeliverySlow: { fires: slowDelivery(200, 70), silent: slowDelivery(50, 70), after: '70m' },
  ChatDeliverySlowLongTerm: { fires: slowDelivery(20, 80), silent: slowDelivery(5, 80), after: '80m' },

  ChatNoWorker: { fires: { up: '1x10' }, silent: { 'chat_lane_held{lane="inbox-0"}': '0x10' }, after: '5m' },
  ChatLaneWithoutWorker: {
    fires: {
      'chat_lane_held{lane="inbox-0", instance="worker-1"}': '1 0x10',
      'chat_lane_held{lane="inbox-0", instance="worker-2"}': '0x10',
    },
    silent: {
      'chat_lane_held{lane="inbox-0", instance="worker-1"}': '1 0x10',
      'chat_lane_held{lane="inbox-0", instance="worker-2"}': '0 1x10',
    },
    after: '5m',
  },
  ChatLaneLate: {
    fires: { 'chat_lane_oldest_age_seconds{lane="inbox-0"}': '0 10x10' },
    silent: { 'chat_lane_oldest_age_seconds{lane="inbox-0"}': '0 1x10' },
    after: '5m',
  },
  ChatLaneWedged: {
    fires: {
      'chat_lane_oldest_age_seconds{lane="inbox-0"}': '0+60x10',
      'chat_lane_held{lane="inbox-0"}': '1x10',
      [postgresUp]: '1x10',
    },
    // Postgres is unreachable, so the lane waits as intended.
    silent: {
      'chat_lane_oldest_age_seconds{lane="inbox-0"}': '0+60x10',
      'chat_lane_held{lane="inbox-0"}': '1x10',
      [postgresUp]: '0x10',
    },
    after: '5m',
  },
  ChatLaneSheds: {
    fires: { 'chat_lane_refused_total{reason="overloaded"}': '0+600x10' },
    silent: { 'chat_lane_refused_total{reason="overloaded"}': '0+6x10' },
    after: '8m',
  },
  ChatStoreRetries: {
    fires: { chat_store_retries_total: '0+5x10' },
    silent: { chat_store_retries_total: '5x10' },
    after: '8m',
  },
  ChatDeadLetters: { fires: { chat_dead_letters: '1x5' }, silent: { chat_dead_letters: '0x5' }, after: '3m' },
  ChatDeadLettersLost: {
    fires: { chat_dead_letters_lost_total: '0 0 1x5' },
    silent: { chat_dead_letters_lost_total: '1x5' },
    after: '5m',
  },
  ChatUnreadDrift: {
    fires: { chat_unread_drift_total: '0 0 3x5' },
    silent: { chat_unread_drift_total: '3x5' },
    after: '5m',
  },
  ChatWorkerDown: {
    fires: { 'up{job="chat-worker", instance="worker-1"}': '1 0x5' },
    silent: { 'up{job="chat-worker", instance="worker-1"}': '1x5' },
    after: '4m',
  },

  ChatGatewayDown: {
    fires: { 'up{job="chat-gateway", instance="gateway-1"}': '1 0x5' },
    silent: { 'up{job="chat-gateway", instance="gateway-1"}': '1x5', 'up{job="other"}': '0x5' },
    after: '4m',
  },
  ChatEventLoopLate: {
    fires: { 'nodejs_eventloop_lag_p99_seconds{job="chat-gateway", instance="gateway-1"}': '0.3x10' },
    silent: { 'nodejs_eventloop_lag_p99_seconds{job="chat-gateway", instance="gateway-1"}': '0.02x10' },
    after: '8m',
  },
  ChatMemoryHigh: {
    fires: { 'process_resident_memory_bytes{job="chat-gateway", instance="gateway-1"}': '900000000x15' },
    silent: { 'process_resident_memory_bytes{job="chat-gateway", instance="gateway-1"}': '300000000x15' },
    after: '14m',
  },
  ChatDrainSlow: {
    fires: { 'chat_draining{instance="gateway-1"}': '0 1x10' },
    silent: { 'chat_draining{instance="gateway-1"}': '0 1 1 0x10' },
    after: '8m',
  },
  ChatHandshakesRefused: {
    fires: { [handshakes('ok')]: '0+100x15', [handshakes('TOKEN_INVALID')]: '0+100x15' },
    silent: { [handshakes('ok')]: '0+1000x15', [handshakes('TOKEN_INVALID')]: '0+100x15' },
    after: '14m',
  },
  ChatHandshakesOverloaded: {
    fires: { [handshakes('OVERLOADED')]: '0+600x10' },
    silent: { [handshakes('OVERLOADED')]: '0+6x10' },
    after: '8m',
  },
  ChatTrustedHopsWrong: {
    fires: { [forwarded('exact')]: '0+40x25', [forwarded('more')]: '0+60x25' },
    // Some clients add addresses of their own.
    silent: { [forwarded('exact')]: '0+600x25', [forwarded('more')]: '0+60x25' },
    after: '24m',
  },
  ChatConnectionsCut: {
    fires: { [cuts('second_connect')]: '0+100x15' },
    silent: { [cuts('authentication_timeout')]: '0+10x15' },
    after: '14m',
  },
  ChatTokenKeysUnreadable: {
    fires: { chat_token_keys_failures_total: '0 0 0 0 0 1 1 1 1 1 2 2 2 2 2 3 3 3 3 3' },
    silent: { chat_token_keys_failures_total: '0 0 0 0 0 1x14' },
    after: '18m',
  },
  ChatReconnectStorm: {
    fires: { [handshakes('ok')]: '0+3000x10', chat_connections: '5000x10' },
    silent: { [handshakes('ok')]: '0+3000x10', chat_connections: '90000x10' },
    after: '8m',
  },
  ChatSlowConsumers: {
    fires: { chat_slow_consumer_disconnects_total: '0+200x20', chat_connections: '10000x20' },
    silent: { chat_slow_consumer_disconnects_total: '0+20x20', chat_connections: '10000x20' },
    after: '18m',
  },
  ChatFanoutGaps: {
    fires: { chat_fanout_gaps_total: '0+1x10' },
    silent: { chat_fanout_gaps_total: '0 0 1x10' },
    after: '9m',
  },
  ChatFanoutWaste: {
    fires: { chat_fanout_received_total: '0+6000x70', chat_fanout_useful_total: '0+3000x70' },
    silent: { chat_fanout_received_total: '0+6000x70', chat_fanout_useful_total: '0+5900x70' },
    after: '70m',
  },
  ChatMisroutedPolls: {
    fires: { chat_misrouted_polls_total: '0+60x15' },
    silent: { chat_misrouted_polls_total: '0+1x15' },
    after: '14m',
  },

  ChatProbeFailing: {
    fires: { chat_probe_sent_total: '0+120x10', 'chat_probe_lost_total{reason="unacknowledged"}': '0+12x10' },
    // Losses of a single moment: a gateway was killed.
    silent: { chat_probe_sent_total: '0+120x10', 'chat_probe_lost_total{reason="unacknowledged"}': '0 0 5x8' },
    after: '8m',
  },
  ChatProbeSlow: {
    fires: { chat_probe_delivery_seconds_count: '0+120x20', 'chat_probe_delivery_seconds_bucket{le="1"}': '0+108x20' },
    silent: { chat_probe_delivery_seconds_count: '0+120x20', 'chat_probe_delivery_seconds_bucket{le="1"}': '0+119x20' },
    after: '18m',
  },
  ChatProbeDown: {
    fires: { 'up{job="chat-prober", instance="prober-1"}': '1 0x10' },
    silent: { 'up{job="chat-prober", instance="prober-1"}': '1x10' },
    after: '8m',
  },

  ChatRedisUnreachable: {
    fires: { 'chat_dependency_up{dependency="redis_queue", instance="gateway-1"}': '1 0x5' },
    silent: { 'chat_dependency_up{dependency="redis_queue", instance="gateway-1"}': '1x5', [postgresUp]: '0x5' },
    after: '4m',
  },
  ChatPostgresUnreachable: { fires: { [postgresUp]: '1 0x5' }, silent: { [postgresUp]: '1x5' }, after: '4m' },
  ChatRedisSlow: {
    fires: {
      'chat_redis_probe_seconds_bucket{instance="gateway-1", le="0.1"}': '0+50x15',
      'chat_redis_probe_seconds_bucket{instance="gateway-1", le="0.5"}': '0+120x15',
      'chat_redis_probe_seconds_bucket{instance="gateway-1", le="+Inf"}': '0+120x15',
    },
    silent: {
      'chat_redis_probe_seconds_bucket{instance="gateway-1", le="0.1"}': '0+120x15',
      'chat_redis_probe_seconds_bucket{instance="gateway-1", le="0.5"}': '0+120x15',
      'chat_redis_probe_seconds_bucket{instance="gateway-1", le="+Inf"}': '0+120x15',
    },
    after: '14m',
  },
  ChatPostgresSlow: {
    fires: {
      'chat_postgres_probe_seconds_bucket{instance="worker-1", le="0.5"}': '0+6x15',
      'chat_postgres_probe_seconds_bucket{instance="worker-1", le="1"}': '0+12x15',
      'chat_postgres_probe_seconds_bucket{instance="worker-1", le="+Inf"}': '0+12x15',
    },
    silent: {
      'chat_postgres_probe_seconds_bucket{instance="worker-1", le="0.5"}': '0+12x15',
      'chat_postgres_probe_seconds_bucket{instance="worker-1", le="1"}': '0+12x15',
      'chat_postgres_probe_seconds_bucket{instance="worker-1", le="+Inf"}': '0+12x15',
    },
    after: '14m',
  },
  ChatStoreSetBack: {
    fires: { chat_store_set_back_total: '0 0 1x5' },
    silent: { chat_store_set_back_total: '1x5' },
    after: '5m',
  },
  ChatPostgresPoolExhausted: {
    fires: { 'chat_postgres_pool_waiting{instance="worker-1"}': '4x10' },
    silent: { 'chat_postgres_pool_waiting{instance="worker-1"}': '4 0 4 0 4 0 4 0 4 0 4' },
    after: '8m',
  },
};
