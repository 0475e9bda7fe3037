import type { ClientEvent, ServerEvent, ServerToClientEvents, UserId } from '@chat-cluster/contracts';
import type { Deliveries } from './deliveries.ts';
import { FakeRejection } from './errors.ts';
import type { FakeIdentity } from './tokens.ts';

export type ServerPayload<E extends ServerEvent> = Parameters<ServerToClientEvents[E]>[0];

/** The client's end of connections. */
export interface ClientEnd {
  receive(connection: FakeConnection, event: string, payload: unknown): void;
  acknowledged(connection: FakeConnection, acknowledge: (ack: unknown) => void, ack: unknown): void;
  closed(connection: FakeConnection, reason: string): void;
}

export interface ConnectionDeps {
  id: string;
  identity: FakeIdentity;
  gatewayId: string;
  /** Protocol of the handshake: 2 for events beside the base protocol. */
  protocol: unknown;
  socket: ClientEnd;
  deliveries: Deliveries;
  /** Handles an event of the client and returns its ack. Throws a FakeRejection. */
  handle(connection: FakeConnection, event: string, payload: unknown): object;
  /** Called once, when the connection ends. */
  ended(connection: FakeConnection): void;
}

/** The server's end of one connection of a device. */
export class FakeConnection {
  readonly id: string;
  readonly userId: UserId;
  readonly gatewayId: string;
  readonly watching = new Set<UserId>();
  readonly #deps: ConnectionDeps;
  #open = true;

  constructor(deps: ConnectionDeps) {
    this.#deps = deps;
    this.id = deps.id;
    this.userId = deps.identity.userId;
    this.gatewayId = deps.gatewayId;
  }

  emit<E extends ServerEvent>(event: E, payload: ServerPayload<E>): void {
    if (!this.#open || (PROTOCOL_2.has(event) && this.#deps.protocol !== 2)) return;
    const { deliveries, socket } = this.#deps;
    deliveries.carry(event, this.userId, () => socket.receive(this, event, payload));
  }

  /** An event of the client leaves it. */
  request(event: string, payload: unknown, acknowledge?: (ack: unknown) => void): void {
    const { deliveries } = this.#deps;
    // Socket.IO calls an ack once, also if a fault repeats the event or its ack.
    let once = acknowledge;
    const arrived = (ack: unknown) => {
      const callback = once;
      once = undefined;
      if (callback) this.#deps.socket.acknowledged(this, callback, ack);
    };
    deliveries.carry(`request:${event as ClientEvent}`, this.userId, () => {
      if (!this.#open) return;
      const ack = this.#answer(event, payload, acknowledge !== undefined);
      if (acknowledge) deliveries.carry(`ack:${event as ClientEvent}`, this.userId, () => arrived(ack));
    });
  }

  /** The server ends the connection after what it has sent; the client gets `reason`. */
  close(reason: 'transport close' | 'io server disconnect'): void {
    const { deliveries, socket } = this.#deps;
    deliveries.schedule(() => socket.closed(this, reason));
    this.clientLeft();
  }

  clientLeft(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#deps.ended(this);
  }

  #answer(event: string, payload: unknown, wantsAck: boolean): object {
    try {
      return this.#deps.handle(this, event, payload);
    } catch (error) {
      if (!(error instanceof FakeRejection)) throw error;
      if (!wantsAck) this.emit('exception', { event, error: error.payload });
      return { ok: false, error: error.payload };
    }
  }
}

/** Events for connections with `auth.protocol` 2. */
const PROTOCOL_2: ReadonlySet<ServerEvent> = new Set([
  'message_changed',
  'conversation_changed',
  'block_changed',
  'messages_delivered',
]);
