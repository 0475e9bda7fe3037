export { askServer } from './connection/ask-server.ts';
export { BlockingClient } from './connection/blocking-client.ts';
export {
  connectRedis,
  disconnectRedis,
  type PlainClient,
  type RedisClient,
  type RedisRole,
} from './connection/connection.ts';
export type { Pulse } from './connection/pulse.ts';
export { findPrimary, parseSentinelUrl } from './connection/sentinel.ts';
export { type GatewayRegistry, joinGatewayRegistry } from './presence/gateway-registry.ts';
export { type ClusterPresence, createPresence } from './presence/presence.ts';
export { EVERY_GATEWAY, roomChannel } from './pubsub/channels.ts';
export { parseClusterUrl } from './pubsub/cluster-url.ts';
export { createEphemeralEmitter, type EphemeralEmitter } from './pubsub/ephemeral.ts';
export { createFanout } from './pubsub/fanout.ts';
export { createGatewayAdapter } from './pubsub/gateway-adapter.ts';
export { connectPublisher, connectPubSub } from './pubsub/pubsub.ts';
export type { Publisher, PubSub, PubSubKind, RawListener, Subscriber } from './pubsub/pubsub-port.ts';
export { createRecentMessages } from './recent-messages.ts';
