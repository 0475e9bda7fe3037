import type { ConversationId, UserId } from './ids.ts';

/*
 * The HTTP API of the cluster view, under `/cluster/api` of the admin listener. Types only: its producer and the page
 * are of the same version. Times are in ms since 1970 by the clock of the process that reports them, durations in ms,
 * rates per second. Errors are `{error: {code, message}}`.
 */

/** `GET overview`: the state of the whole cluster, from the snapshots that its processes write every 2 s. */
export interface ClusterOverview {
  at: number;
  clusterName: string;
  verdict: ClusterVerdict;
  /** Recent changes of state, newest first: of processes (start, drain, end), servers and the verdict. At most 50. */
  changes: readonly StateChange[];
  gateways: readonly GatewayState[];
  workers: readonly WorkerState[];
  lanes: readonly LaneState[];
  /** One row per role (`pubsub`, `queue`, `cache`) and server. */
  redis: readonly RedisState[];
  postgres: PostgresState;
  flow: MessageFlow;
  /** Present while processes of different versions run, as during a rolling upgrade. It is no alert. */
  mixedVersions?: MixedVersions;
  /** Snapshots that could not be read, because a process of another version, or no process, wrote them. */
  unreadableSnapshots: number;
  /** CPU time that the snapshots take in each process, in percent of one core; mean of all processes. */
  snapshotCpuPercent: number;
  /** False: actions are refused, because no ADMIN_TOKEN is set. */
  canAct: boolean;
  /** Path of Bull Board on the same listener, if it is enabled. */
  queueBoard?: string;
}

/** `broken`: messages are not stored or not delivered. `degraded`: they are, but something needs attention. */
export interface ClusterVerdict {
  state: 'healthy' | 'degraded' | 'broken';
  alerts: readonly HeldAlert[];
}

/** An alert that holds now. Names and sections are those of the Prometheus rules and of the runbook. */
export interface HeldAlert {
  name: string;
  /** `page` needs a person at once, `ticket` within the next working day. */
  severity: 'page' | 'ticket';
  /** One sentence with the figures. */
  summary: string;
  /** Anchor of its section in the runbook, without `#`. */
  runbook: string;
}

export interface MixedVersions {
  /** Start of the first process of the newest version. */
  since: number;
  /** Newest first, with the number of processes that are not silent. */
  versions: readonly { version: string; processes: number }[];
}

export interface StateChange {
  at: number;
  /** Name of the process or store; empty for the whole cluster. */
  subject: string;
  text: string;
}

/** Shared by gateways and workers. */
export interface ProcessState {
  /** Unique for each start of a process. */
  id: string;
  name: string;
  pid: number;
  host: string;
  version: string;
  startedAt: number;
  /** Time of its last snapshot. */
  seenAt: number;
  /** Age of its last snapshot, by the clock of Redis. One without a snapshot for two intervals is silent. */
  snapshotAgeMs: number;
  state: 'ready' | 'starting' | 'draining' | 'silent';
  /** Latest time of its end; present while it drains. */
  drainEndsAt?: number;
  /** CPU time, in percent of one core. */
  cpuPercent: number;
  memoryBytes: number;
  heapBytes: number;
  eventLoopP99Ms: number;
}

export interface GatewayState extends ProcessState {
  connections: number;
  maxConnections: number;
  /** Sockets that have not authenticated yet. */
  unauthenticated: number;
  connectsPerSecond: number;
  /** Messages and read marks that it has put into lanes. */
  acceptedPerSecond: number;
  /** Emits that reached this gateway while it held a socket of their user. */
  deliveredPerSecond: number;
  /** Share of the emits received that no socket of this gateway needed, 0 to 1. */
  fanoutWaste: number;
  /** Output that clients have not read yet. */
  unreadBytes: number;
}

export interface WorkerState extends ProcessState {
  lanesHeld: readonly string[];
  /** Age of the oldest entry of the lanes that it holds; 0 when they are empty. */
  oldestEntryMs: number;
  entriesPerBatch: number;
  storeP99Ms: number;
  storedPerSecond: number;
}

export interface LaneState {
  lane: string;
  /** Name of the worker that holds it; absent: none does. */
  worker?: string;
  heldSince?: number;
  batches: number;
  oldestMs: number;
  givenUp: number;
  /** Present when the figures could not be read: the reason. */
  fault?: string;
}

export interface RedisState {
  role: 'pubsub' | 'queue' | 'cache';
  /** Host and port, without credentials. */
  server: string;
  up: boolean;
  /** Response time of the last probe; absent while it is down. */
  responseMs?: number;
  memoryBytes?: number;
  /** Absent or 0: no limit. */
  maxMemoryBytes?: number;
  commandsPerSecond?: number;
  clients?: number;
  version?: string;
  /** Processes of the cluster that cannot reach it. */
  unreachableFrom: readonly string[];
}

export interface PostgresState {
  server: string;
  up: boolean;
  responseMs?: number;
  connections?: number;
  maxConnections?: number;
  databaseBytes?: number;
  version?: string;
  unreachableFrom: readonly string[];
}

/** Sums and quantiles over all processes, of the last interval. Quantiles are absent when nothing happened. */
export interface MessageFlow {
  /** Messages and read marks, on all gateways. */
  acceptedPerSecond: number;
  /** Messages whose transaction was committed; resends are not counted. */
  storedPerSecond: number;
  /** Emits that reached gateways with a socket of their user: about two per message, and badges and receipts. */
  deliveredPerSecond: number;
  ackP50Ms?: number;
  ackP99Ms?: number;
  deliveryP50Ms?: number;
  deliveryP99Ms?: number;
  /** Refused events and handshakes per second, by error code. */
  shedPerSecond: Readonly<Record<string, number>>;
  /** Unread counters that were wrong and corrected, since the processes started. */
  unreadDrift: number;
  deadLetters: number;
}

/** `GET users?id=&cursor=`: the connections of a user, and a page of the user's conversations, newest first. */
export interface UserView {
  userId: UserId;
  unread: number;
  /** Present while the user is revoked: tokens that were issued earlier are rejected. */
  revokedAt?: number;
  connections: readonly UserConnection[];
  /** Present when the list of connections may be incomplete: the reason, in one sentence. */
  connectionsUnknown?: string;
  conversations: readonly UserConversation[];
  nextCursor: string | null;
}

export interface UserConnection {
  connectionId: string;
  gateway: string;
  since: number;
  transport: 'websocket' | 'polling';
}

export interface UserConversation {
  conversationId: ConversationId;
  /** null: a group. */
  otherUserId: UserId | null;
  readSeq: number;
  lastSeq: number;
  unread: number;
  updatedAt: number;
}

/** `GET messages?id=`, with the id of a message or of a conversation: `of` shows which one it was. Without content. */
export interface MessageView {
  of: 'message' | 'conversation';
  conversationId: ConversationId;
  participantIds: readonly UserId[];
  lastSeq: number;
  lane: string;
  worker?: string;
  message?: {
    id: string;
    seq: number;
    senderId: UserId;
    clientMessageId: string;
    storedAt: number;
    readBy: readonly UserId[];
  };
}

/** `GET dead-letters?cursor=`: a page of dead letters, newest first, without content. */
export interface DeadLetterPage {
  total: number;
  letters: readonly DeadLetterView[];
  nextCursor: string | null;
}

export interface DeadLetterView {
  id: string;
  /** Lane to which a replay submits it; absent: it is no entry of a lane. */
  lane?: string;
  /** `send`, `read`, or `unreadable`. */
  kind: string;
  conversationId?: ConversationId;
  userId?: UserId;
  clientMessageId?: string;
  reason: string;
  attempts: number;
  at: number;
}

/*
 * Actions, `POST` with JSON; all are logged with the actor and the time.
 *   users/disconnect?id=   {}            closes the user's connections; clients may reconnect
 *   users/revoke?id=       {}            rejects the user's tokens issued until now, closes the connections
 *   dead-letters/replay    {ids: [...]}  at most 100 ids
 *   dead-letters/drop      {ids: [...]}
 */

/** Result of an action. */
export interface ActionResult {
  /** One sentence. */
  done: string;
  /** Items that could not be handled, with the reason. */
  failed?: readonly { id: string; reason: string }[];
}
