import { setTimeout as delay } from 'node:timers/promises';
import {
  type Badge,
  type DeviceHistory,
  fingerprint,
  type Outcome,
  type Random,
  type ReadAttempt,
  type SendAttempt,
} from '@chat-cluster/testkit';
import type { GroupActions } from './group-actions.ts';
import { NEVER } from './outcomes.ts';
import type { TokenIssuer } from './token-issuer.ts';

/** `library`: an application on packages/client. `stock`: a program on socket.io-client that does the client's part. */
export type DeviceKind = 'library' | 'stock';

export interface DeviceOptions {
  id: string;
  userId: string;
  conversations: readonly string[];
  /** Only of a library device that has groups: those that its user may be added to. */
  groups?: readonly string[] | undefined;
  target: { url: string; jwtSecret: string };
  /** Milliseconds since the start of the round. */
  now(): number;
  random: Random;
  /** Issues its tokens. Default: valid ones that last a day. */
  issuer?: TokenIssuer;
  /** Uses long-polling instead of a websocket, with the cookies that a load balancer may set. */
  polls?: boolean;
}

export interface Draft {
  conversationId: string;
  clientMessageId: string;
  content: string;
  mentions?: string[];
  mentionsAll?: true;
}

export type SendOutcome = Outcome<{ seq: number }>;

/** One device of a user. It records what it sends and receives. */
export interface Device {
  readonly kind: DeviceKind;
  readonly userId: string;
  readonly history: DeviceHistory;
  readonly sends: SendAttempt[];
  readonly reads: ReadAttempt[];
  /** Gateway of its connection; empty while there is none. */
  readonly gateway: string;
  /** True when it is connected and, as far as it can detect, lacks no message. */
  readonly inSync: boolean;
  /** The unread counts that it displays: the last `unread_count`. */
  readonly badge: Badge | undefined;
  /** Problems of the device itself, one sentence each. */
  readonly problems: string[];
  /** Only of a library device that has groups. */
  readonly groups?: GroupActions | undefined;
  /**
   * Sends a message, once it is connected. A stock device makes one attempt. A library device resends by itself, until
   * the message is stored or refused for good.
   */
  send(draft: Draft): Promise<SendOutcome>;
  /** Marks messages as read. A library device always marks the newest, and resolves when the mark has moved. */
  read(mark: { conversationId: string; upToSeq?: number }): Promise<void>;
  /** The last `seq` of the conversation up to which it has every message. */
  receivedUpTo(conversationId: string): number;
  /** The user has signed in again: connects, also after a stop because of its token. */
  signIn(): void;
  /** Closes the connection and opens another, which the entry may give to another gateway. */
  reconnect(): void;
  /** Sends no more messages: what is not stored now is not awaited. */
  abandon(): void;
  /** The sync at the end of a round. Rejects when there is no response. */
  finalSync(): Promise<void>;
  close(): void;
}

/** An attempt that has no answer yet. */
export function unanswered(
  { history, userId }: Pick<Device, 'history' | 'userId'>,
  { conversationId, clientMessageId, content }: Draft,
  { at, connection }: { at: number; connection: string },
): SendAttempt {
  return {
    at,
    device: history.id,
    connection,
    sender: userId,
    conversationId,
    clientMessageId,
    content: fingerprint(content),
    outcome: { kind: 'unknown', at: NEVER },
  };
}

export function unansweredRead(userId: string, conversationId: string, at: number): ReadAttempt {
  return { at, userId, conversationId, outcome: { kind: 'unknown', at: NEVER } };
}

/** Options of socket.io-client for the transport of a device. The entry leads only websockets to one gateway. */
export function transportOf({ polls = false }: Pick<DeviceOptions, 'polls'>) {
  return polls ? { transports: ['polling'], withCredentials: true } : { transports: ['websocket'] };
}

/**
 * Waits between two attempts as a well-behaved client does: up to 100 ms, doubling to 1 s, with jitter. Not `backoff`
 * of runtime, because its jitter does not come from a seed.
 */
export function clientBackoff(attempt: number, random: Random): Promise<void> {
  return delay(Math.min(1_000, 100 * 2 ** Math.min(attempt, 5)) * (0.5 + random() / 2));
}
