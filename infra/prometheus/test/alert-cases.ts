/** Series in which an alert fires, and the same in which it does not: values as promtool writes them, one a minute. */
export interface Case {
  ill: Record<string, string>;
  well: Record<string, string>;
  /** When to look, counted from the first value. */
  after: string;
}

const sends = (result: string) => `chat_events_total{event="send_message", result="${result}"}`;
const acks = (bucket: string) => `chat_event_duration_seconds_bucket{event="send_message", le="${bucket}"}`;
const allAcks = 'chat_event_duration_seconds_count{event="send_message"}';
const delivered = 'chat_delivery_seconds_bucket{le="1"}';
const allDelivered = 'chat_delivery_seconds_count';
const handshakes = (result: string) => `chat_handshakes_total{result="${result}"}`;
const ready = 'chat_dependency_up{dependency="postgres", instance="worker-1"}';

/** Of 1,000 a minute, `bad` go wrong; over `minutes`. */
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

export const CASES: Record<string, Case> = {
  ChatAckErrors: { ill: errors(20, 70), well: errors(5, 70), after: '70m' },
  ChatAckErrorsLongTerm: { ill: errors(2, 80), well: errors(0, 80), after: '80m' },
  ChatAcksSlow: { ill: slowAcks(200, 70), well: slowAcks(50, 70), after: '70m' },
  ChatAcksSlowLongTerm: { ill: slowAcks(20, 80), well: slowAcks(5, 80), after: '80m' },
  ChatDeliverySlow: { ill: slowDelivery(200, 70), well: slowDelivery(50, 70), after: '70m' },
  ChatDeliverySlowLongTerm: { ill: slowDelivery(20, 80), well: slowDelivery(5, 80), after: '80m' },

  ChatNoWorker: { ill: { up: '1x10' }, well: { 'chat_lane_held{lane="inbox-0"}': '0x10' }, after: '5m' },
  ChatLaneWithoutWorker: {
    ill: {
      'chat_lane_held{lane="inbox-0", instance="worker-1"}': '1 0x10',
      'chat_lane_held{lane="inbox-0", instance="worker-2"}': '0x10',
    },
    well: {
      'chat_lane_held{lane="inbox-0", instance="worker-1"}': '1 0x10',
      'chat_lane_held{lane="inbox-0", instance="worker-2"}': '0 1x10',
    },
    after: '5m',
  },
  ChatLaneLate: {
    ill: { 'chat_lane_oldest_age_seconds{lane="inbox-0"}': '0 10x10' },
    well: { 'chat_lane_oldest_age_seconds{lane="inbox-0"}': '0 1x10' },
    after: '5m',
  },
  ChatLaneWedged: {
    ill: {
      'chat_lane_oldest_age_seconds{lane="inbox-0"}': '0+60x10',
      'chat_lane_held{lane="inbox-0"}': '1x10',
      [ready]: '1x10',
    },
    // The lane waits for Postgres, as it should.
    well: {
      'chat_lane_oldest_age_seconds{lane="inbox-0"}': '0+60x10',
      'chat_lane_held{lane="inbox-0"}': '1x10',
      [ready]: '0x10',
    },
    after: '5m',
  },
  ChatLaneSheds: {
    ill: { 'chat_lane_refused_total{reason="overloaded"}': '0+600x10' },
    well: { 'chat_lane_refused_total{reason="overloaded"}': '0+6x10' },
    after: '8m',
  },
  ChatStoreRetries: {
    ill: { chat_store_retries_total: '0+5x10' },
    well: { chat_store_retries_total: '5x10' },
    after: '8m',
  },
  ChatDeadLetters: { ill: { chat_dead_letters: '1x5' }, well: { chat_dead_letters: '0x5' }, after: '3m' },
  ChatDeadLettersLost: {
    ill: { chat_dead_letters_lost_total: '0 0 1x5' },
    well: { chat_dead_letters_lost_total: '1x5' },
    after: '5m',
  },
  ChatUnreadDrift: {
    ill: { chat_unread_drift_total: '0 0 3x5' },
    well: { chat_unread_drift_total: '3x5' },
    after: '5m',
  },
  ChatWorkerDown: {
    ill: { 'up{job="chat-worker", instance="worker-1"}': '1 0x5' },
    well: { 'up{job="chat-worker", instance="worker-1"}': '1x5' },
    after: '4m',
  },

  ChatGatewayDown: {
    ill: { 'up{job="chat-gateway", instance="gateway-1"}': '1 0x5' },
    well: { 'up{job="chat-gateway", instance="gateway-1"}': '1x5', 'up{job="other"}': '0x5' },
    after: '4m',
  },
  ChatEventLoopLate: {
    ill: { 'nodejs_eventloop_lag_p99_seconds{job="chat-gateway", instance="gateway-1"}': '0.3x10' },
    well: { 'nodejs_eventloop_lag_p99_seconds{job="chat-gateway", instance="gateway-1"}': '0.02x10' },
    after: '8m',
  },
  ChatMemoryHigh: {
    ill: { 'process_resident_memory_bytes{job="chat-gateway", instance="gateway-1"}': '900000000x15' },
    well: { 'process_resident_memory_bytes{job="chat-gateway", instance="gateway-1"}': '300000000x15' },
    after: '14m',
  },
  ChatDrainSlow: {
    ill: { 'chat_draining{instance="gateway-1"}': '0 1x10' },
    well: { 'chat_draining{instance="gateway-1"}': '0 1 1 0x10' },
    after: '8m',
  },
  ChatHandshakesRefused: {
    ill: { [handshakes('ok')]: '0+100x15', [handshakes('TOKEN_INVALID')]: '0+100x15' },
    well: { [handshakes('ok')]: '0+1000x15', [handshakes('TOKEN_INVALID')]: '0+100x15' },
    after: '14m',
  },
  ChatHandshakesOverloaded: {
    ill: { [handshakes('OVERLOADED')]: '0+600x10' },
    well: { [handshakes('OVERLOADED')]: '0+6x10' },
    after: '8m',
  },
  ChatReconnectStorm: {
    ill: { [handshakes('ok')]: '0+3000x10', chat_connections: '5000x10' },
    well: { [handshakes('ok')]: '0+3000x10', chat_connections: '90000x10' },
    after: '8m',
  },
  ChatSlowConsumers: {
    ill: { chat_slow_consumer_disconnects_total: '0+200x20', chat_connections: '10000x20' },
    well: { chat_slow_consumer_disconnects_total: '0+20x20', chat_connections: '10000x20' },
    after: '18m',
  },
  ChatFanoutGaps: {
    ill: { chat_fanout_gaps_total: '0+1x10' },
    well: { chat_fanout_gaps_total: '0 0 1x10' },
    after: '9m',
  },
  ChatFanoutWaste: {
    ill: { chat_fanout_received_total: '0+6000x70', chat_fanout_useful_total: '0+3000x70' },
    well: { chat_fanout_received_total: '0+6000x70', chat_fanout_useful_total: '0+5900x70' },
    after: '70m',
  },
  ChatMisroutedPolls: {
    ill: { chat_misrouted_polls_total: '0+60x15' },
    well: { chat_misrouted_polls_total: '0+1x15' },
    after: '14m',
  },

  ChatProbeFailing: {
    ill: { chat_probe_sent_total: '0+120x10', 'chat_probe_lost_total{reason="unacknowledged"}': '0+12x10' },
    // A gateway was killed.
    well: { chat_probe_sent_total: '0+120x10', 'chat_probe_lost_total{reason="unacknowledged"}': '0 0 5x8' },
    after: '8m',
  },
  ChatProbeSlow: {
    ill: { chat_probe_delivery_seconds_count: '0+120x20', 'chat_probe_delivery_seconds_bucket{le="1"}': '0+108x20' },
    well: { chat_probe_delivery_seconds_count: '0+120x20', 'chat_probe_delivery_seconds_bucket{le="1"}': '0+119x20' },
    after: '18m',
  },
  ChatProbeDown: {
    ill: { 'up{job="chat-prober", instance="prober-1"}': '1 0x10' },
    well: { 'up{job="chat-prober", instance="prober-1"}': '1x10' },
    after: '8m',
  },

  ChatRedisUnreachable: {
    ill: { 'chat_dependency_up{dependency="redis_queue", instance="gateway-1"}': '1 0x5' },
    well: { 'chat_dependency_up{dependency="redis_queue", instance="gateway-1"}': '1x5', [ready]: '0x5' },
    after: '4m',
  },
  ChatPostgresUnreachable: { ill: { [ready]: '1 0x5' }, well: { [ready]: '1x5' }, after: '4m' },
  ChatRedisSlow: {
    ill: {
      'chat_redis_probe_seconds_bucket{instance="gateway-1", le="0.1"}': '0+50x15',
      'chat_redis_probe_seconds_bucket{instance="gateway-1", le="0.5"}': '0+120x15',
      'chat_redis_probe_seconds_bucket{instance="gateway-1", le="+Inf"}': '0+120x15',
    },
    well: {
      'chat_redis_probe_seconds_bucket{instance="gateway-1", le="0.1"}': '0+120x15',
      'chat_redis_probe_seconds_bucket{instance="gateway-1", le="0.5"}': '0+120x15',
      'chat_redis_probe_seconds_bucket{instance="gateway-1", le="+Inf"}': '0+120x15',
    },
    after: '14m',
  },
  ChatPostgresSlow: {
    ill: {
      'chat_postgres_probe_seconds_bucket{instance="worker-1", le="0.5"}': '0+6x15',
      'chat_postgres_probe_seconds_bucket{instance="worker-1", le="1"}': '0+12x15',
      'chat_postgres_probe_seconds_bucket{instance="worker-1", le="+Inf"}': '0+12x15',
    },
    well: {
      'chat_postgres_probe_seconds_bucket{instance="worker-1", le="0.5"}': '0+12x15',
      'chat_postgres_probe_seconds_bucket{instance="worker-1", le="1"}': '0+12x15',
      'chat_postgres_probe_seconds_bucket{instance="worker-1", le="+Inf"}': '0+12x15',
    },
    after: '14m',
  },
  ChatPostgresPoolExhausted: {
    ill: { 'chat_postgres_pool_waiting{instance="worker-1"}': '4x10' },
    well: { 'chat_postgres_pool_waiting{instance="worker-1"}': '4 0 4 0 4 0 4 0 4 0 4' },
    after: '8m',
  },
};
