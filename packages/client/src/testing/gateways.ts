import type { ServerEvent, UserId } from '@chat-cluster/contracts';
import type { FakeClock } from './clock.ts';
import { FakeConnection, type ServerPayload } from './connection.ts';
import type { Deliveries } from './deliveries.ts';
import { FakeRejection } from './errors.ts';
import type { FakeNetwork, FakeSocket } from './fake-socket.ts';
import type { FakeCounts, FakeHistory } from './history.ts';
import type { FakeIds } from './ids.ts';
import type { Presences } from './presences.ts';
import type { Refusals } from './refusals.ts';
import type { FakeTokens } from './tokens.ts';

export interface GatewayDeps {
  clock: FakeClock;
  ids: FakeIds;
  tokens: FakeTokens;
  history: Pick<FakeHistory, 'epoch' | 'countsOf'>;
  deliveries: Deliveries;
  refusals: Refusals;
  presences: Pick<Presences, 'connected' | 'left'>;
  /** Handles an event of a client and returns its ack. */
  handle(connection: FakeConnection, event: string, payload: unknown): object;
  /** Number of gateways. */
  count: number;
  /** Time before the expiry of a token at which `token_expiring` is sent, in ms. */
  announceMs: number;
}

/** Time from the end of a drain until the gateway accepts connections again, in ms. */
const RESTART_MS = 1_000;

/** The gateways of a fake cluster: they accept connections in turn, and reach all connections of a user. */
export class Gateways implements FakeNetwork {
  readonly connections = new Set<FakeConnection>();
  readonly #deps: GatewayDeps;
  readonly #names: string[];
  /** Gateways that accept no connections, with functions that cancel the timers of their return. */
  readonly #draining = new Map<string, () => void>();
  /** Functions that cancel the timers of each connection. */
  readonly #timers = new Map<FakeConnection, { token?: () => void; drain?: () => void }>();
  #turn = 0;
  #offline = false;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    this.#names = Array.from({ length: deps.count }, (_, i) => `gateway-${i + 1}`);
  }

  schedule(arrive: () => void): void {
    this.#deps.deliveries.schedule(arrive);
  }

  isOffline(): boolean {
    return this.#offline;
  }

  /** True: all connections break, and none can be made. */
  setOffline(offline: boolean): void {
    this.#offline = offline;
    if (offline) for (const connection of this.connections) connection.close('transport close');
  }

  accept(socket: FakeSocket, token: unknown, protocol: unknown): void {
    const { ids, tokens, refusals, deliveries, handle } = this.#deps;
    if (this.#offline) {
      socket.refused(undefined);
      return;
    }
    try {
      const identity = tokens.verify(token);
      refusals.check('connect', identity.userId);
      const connection = new FakeConnection({
        id: ids.connection(),
        identity,
        gatewayId: this.#nextGateway(),
        protocol,
        socket,
        deliveries,
        handle,
        ended: (one) => this.#ended(one),
      });
      this.#welcome(connection, socket, identity.expiresAt);
    } catch (error) {
      if (!(error instanceof FakeRejection)) throw error;
      socket.refused(error.payload);
    }
  }

  /** Emits to all connections of a user, on all gateways. */
  emitTo<E extends ServerEvent>(userId: UserId, event: E, payload: ServerPayload<E>): void {
    for (const connection of this.of(userId)) connection.emit(event, payload);
  }

  /** The connections of a user, or all. */
  of(userId?: string): FakeConnection[] {
    return [...this.connections].filter((one) => userId === undefined || one.userId === userId);
  }

  refreshToken(connection: FakeConnection, token: string): object {
    const { tokens, clock } = this.#deps;
    const identity = tokens.verify(token);
    if (identity.userId !== connection.userId) {
      const message = 'The token belongs to another user. Connect again to change it.';
      throw new FakeRejection('TOKEN_INVALID', { message });
    }
    this.#watchLifetime(connection, identity.expiresAt);
    return { ok: true, expiresInMs: identity.expiresAt - clock.now() };
  }

  /** Ends a connection because of its token. */
  endSession(connection: FakeConnection, code: 'TOKEN_EXPIRED' | 'TOKEN_REVOKED'): void {
    connection.emit('session_ended', { error: new FakeRejection(code).payload });
    connection.close(code === 'TOKEN_REVOKED' ? 'io server disconnect' : 'transport close');
  }

  /** The gateway with the most connections. */
  busiest(): string {
    const load = (name: string) => this.of().filter(({ gatewayId }) => gatewayId === name).length;
    return this.#names.reduce((a, b) => (load(b) > load(a) ? b : a));
  }

  /** Announces the end of a gateway to its connections, and ends them after `reconnectInMs`. Later it is back. */
  drain(gatewayId: string, reconnectInMs: number): void {
    if (!this.#names.includes(gatewayId)) {
      throw new TypeError(`There is no ${gatewayId}; use one of ${this.#names.join(', ')}.`);
    }
    const { clock } = this.#deps;
    this.#draining.get(gatewayId)?.();
    this.#draining.set(
      gatewayId,
      clock.after(reconnectInMs + RESTART_MS, () => this.#draining.delete(gatewayId)),
    );
    for (const connection of this.of()) {
      if (connection.gatewayId !== gatewayId) continue;
      connection.emit('server_draining', { reconnectInMs });
      const timers = this.#timers.get(connection) ?? {};
      timers.drain?.();
      timers.drain = clock.after(reconnectInMs, () => connection.close('transport close'));
    }
  }

  /** Cancels all timers and ends all connections. */
  close(): void {
    for (const connection of this.of()) connection.close('transport close');
    for (const cancel of this.#draining.values()) cancel();
    this.#draining.clear();
  }

  #welcome(connection: FakeConnection, socket: FakeSocket, expiresAt: number): void {
    const { history, presences, clock } = this.#deps;
    const { id: connectionId, userId, gatewayId } = connection;
    this.connections.add(connection);
    this.#timers.set(connection, {});
    socket.opened(connection);
    const serverTime = new Date(clock.now()).toISOString();
    connection.emit('session', { userId, connectionId, gatewayId, serverTime, epoch: history.epoch });
    connection.emit('unread_count', unreadCount(history.countsOf(userId)));
    presences.connected(userId);
    this.#watchLifetime(connection, expiresAt);
  }

  /** The next gateway in turn that does not drain, or just the next one. */
  #nextGateway(): string {
    const ready = this.#names.filter((name) => !this.#draining.has(name));
    const names = ready.length > 0 ? ready : this.#names;
    return names[this.#turn++ % names.length] as string;
  }

  #watchLifetime(connection: FakeConnection, expiresAt: number): void {
    const { clock, announceMs } = this.#deps;
    const timers = this.#timers.get(connection) ?? {};
    timers.token?.();
    const leftMs = expiresAt - clock.now();
    const cancels = [
      clock.after(Math.max(0, leftMs - announceMs), () =>
        connection.emit('token_expiring', { expiresInMs: Math.max(0, expiresAt - clock.now()) }),
      ),
      clock.after(leftMs, () => this.endSession(connection, 'TOKEN_EXPIRED')),
    ];
    timers.token = () => {
      for (const cancel of cancels) cancel();
    };
  }

  #ended(connection: FakeConnection): void {
    this.connections.delete(connection);
    const { token, drain } = this.#timers.get(connection) ?? {};
    token?.();
    drain?.();
    this.#timers.delete(connection);
    if (this.of(connection.userId).length === 0) this.#deps.presences.left(connection.userId);
  }
}

/** The payload of `unread_count`: counts beside the badge are absent when they are 0. */
export function unreadCount({ count, mutedCount, mentionCount }: FakeCounts): { count: number } {
  return { count, ...(mutedCount > 0 && { mutedCount }), ...(mentionCount > 0 && { mentionCount }) };
}
