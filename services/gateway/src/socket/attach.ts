import type { GatewayConfig } from '../config.ts';
import type { GatewayDrain } from '../drain.ts';
import type { ChatServer, ChatSocket } from './chat-socket.ts';
import type { Strangers } from './connect/strangers.ts';
import type { UserLimiter } from './connect/user-limits.ts';
import type { Welcome } from './connect/welcome.ts';
import { type Connection, releaseHandshakeState } from './engine-io.ts';
import type { EventDispatcher } from './events/dispatch.ts';
import type { PresenceEvents } from './events/presence-events.ts';
import { flushByTurn } from './transport/flush-by-turn.ts';
import { PacketGuard } from './transport/packet-guard.ts';
import { boundWriteBuffers, type WriteBufferDeps } from './transport/slow-consumer.ts';

export interface ConnectionParts extends WriteBufferDeps {
  config: GatewayConfig;
  strangers: Strangers;
  users: UserLimiter;
  welcome: Pick<Welcome, 'attach' | 'detach'>;
  presence: Pick<PresenceEvents, 'attach' | 'detach'>;
  dispatcher: Pick<EventDispatcher, 'attach'>;
  drain: Pick<GatewayDrain, 'attach'>;
}

/**
 * Everything that is attached to a new connection, in order. No other file listens for connections.
 *
 * A connection of engine.io opens before its client has authenticated; its socket follows when the token was accepted
 * (`authenticateSocket` in server.ts).
 */
export function attachToConnections(io: ChatServer, parts: ConnectionParts): void {
  const boundWriteBuffer = boundWriteBuffers(io, parts);
  const holdUntilTurnEnds = flushByTurn();
  const guard = new PacketGuard(parts.config);
  /** One listener, shared by all sockets: several per socket would be memory per idle connection. */
  function onDisconnect(this: ChatSocket, reason: string): void {
    parts.users.detach(this);
    parts.welcome.detach(this, reason);
    parts.presence.detach(this);
  }
  io.engine.on('connection', (connection: Connection) => {
    // This one comes first: it checks whether the transport is writable, and holdUntilTurnEnds makes it unwritable.
    connection.on('packetCreate', boundWriteBuffer);
    connection.on('packetCreate', holdUntilTurnEnds);
    guard.attach(connection);
    parts.strangers.attach(connection);
  });
  io.on('connection', (socket) => {
    guard.authenticate(socket);
    parts.strangers.release(socket.conn);
    parts.users.attach(socket);
    // In the next turn, so the steps below may still read the handshake.
    setImmediate(releaseHandshakeState, socket);
    // `session` is the first event of every connection, so this is the first step that emits.
    parts.welcome.attach(socket);
    // After the join of the user's room: watchers are notified that the user is online when events can reach it.
    parts.presence.attach(socket);
    socket.on('disconnect', onDisconnect);
    // The client's first event arrives in a later tick, so none is missed.
    parts.dispatcher.attach(socket);
    // Last, so that `server_draining` follows `session` when the socket connects while sockets are being closed.
    parts.drain.attach(socket);
  });
}
