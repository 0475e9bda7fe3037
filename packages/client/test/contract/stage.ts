import type { ChatClientOptions } from '../../src/index.ts';

/** How clients reach the cluster of a stage. Without `socket` they open sockets of their own. */
export type Access = Pick<ChatClientOptions, 'url' | 'socket' | 'fetch'>;

/** A cluster, and the faults that a test causes in it. */
export interface Stage {
  access: Access;
  /** A token that expires after `expiresInMs` (default: an hour). The server announces the expiry 2.5 s ahead. */
  tokenFor(userId: string, expiresInMs?: number): string;
  /** Revokes the tokens that the user has. */
  revoke(userId: string): Promise<void>;
  /** The next sends of this user, or those beyond 200 at once, get RATE_LIMITED. */
  limitSends(userId: string): void;
  /** Keeps a copy of the conversation. The returned function restores it, under a new epoch. */
  backup(conversationId: string): Promise<() => Promise<void>>;
  /** Breaks the connections of all clients, as a network fault does. */
  breakConnections(): void;
  /** Shuts down a gateway in order, while another one accepts connections. Absent: a stage with one entry. */
  drain?(gatewayId: string): Promise<void>;
  stop(): Promise<void>;
}

/** Limits that stages with real gateways set, so that a test can reach them. */
export const STAGE_SETTINGS = {
  RATE_LIMIT_PER_SECOND: '30',
  RATE_LIMIT_BURST: '200',
  NEW_CONVERSATIONS_PER_MINUTE: '100000',
  TOKEN_EXPIRING_MS: '2500',
  JWT_CLOCK_TOLERANCE_MS: '0',
  DRAIN_DELAY_MS: '0',
  DRAIN_WINDOW_MS: '500',
};
