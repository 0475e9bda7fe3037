export { awaitOwnRedis } from './await-own-redis.ts';
export { createBeatMemory } from './beat-memory.ts';
export { CLUSTER_NAME } from './cluster-name.ts';
export { askServer } from './connection/ask-server.ts';
export { BlockingClient } from './connection/blocking-client.ts';
export type { PlainClient, RedisRole } from './connection/client.ts';
export { connectRedis, disconnectRedis, type RedisClient } from './connection/connection.ts';
export type { Pulse } from './connection/pulse.ts';
export { findPrimary } from './connection/sentinel.ts';
export { parseClusterUrl, parseSentinelUrl } from './connection/server-url.ts';
export { type GatewayRegistry, joinGatewayRegistry } from './presence/gateway-registry.ts';
export { announceHiddenUsers } from './presence/hidden-users.ts';
export { type ClusterPresence, createPresence } from './presence/presence.ts';
export { createPresenceReader, type PresenceReader } from './presence/reader.ts';
export {
  BLOCKS_CHANNEL,
  conversationOfRoom,
  conversationRoom,
  EPOCH_CHANNEL,
  EVERY_GATEWAY,
  LEFT_CHANNEL,
  newContactsChannel,
  REVOKED_CHANNEL,
  roomChannel,
} from './pubsub/channels.ts';
export { createDeliveredMarks, type DeliveredMarks } from './pubsub/delivered-marks.ts';
export { createEphemeralEmitter, type EphemeralEmitter } from './pubsub/ephemeral.ts';
export { createBadges, createFanout, type FanoutControl } from './pubsub/fanout.ts';
export { createGatewayAdapter, type RoomListeners } from './pubsub/gateway-adapter.ts';
export { connectPublisher, connectPubSub, type OwnPublisher } from './pubsub/pubsub.ts';
export type { Publisher, PubSub, PubSubKind, RawListener, Subscriber } from './pubsub/pubsub-port.ts';
export { signalRevocation } from './pubsub/revocation-signal.ts';
export { replyToRequest, requestOfUser, type UserReplies, type UserRequest } from './pubsub/user-requests.ts';
export { createRecentMessages } from './recent-messages.ts';
