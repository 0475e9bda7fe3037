/*
 * Longer than 250 lines on purpose: one state machine, whose requests, answers and repetitions share their state.
 */
import type {
  ConversationId,
  FailureAck,
  FeedEntry,
  StoreEpoch,
  SyncAck,
  SyncedConversation,
} from '@chat-cluster/contracts';
import { ANSWER_TIMEOUT_MS, SYNC_CONVERSATIONS, SYNC_SIZE } from '../wire.ts';
import type { CoreExtension } from './extension.ts';
import { type Clock, pauseMs, type Wire } from './seams.ts';

export interface SyncOwner {
  /** All known conversations, and whether nothing of them is missing, as far as known. */
  readonly conversations: ReadonlyMap<ConversationId, { readonly isComplete: boolean }>;
  /** The seq after which messages are requested. May give up a backlog first. */
  afterSeq(id: ConversationId): number;
  readonly extension: Pick<CoreExtension, 'requested'> | undefined;
  /** Takes in a part of an answer; `afterSeq` is that of the request. */
  synced(conversation: SyncedConversation, afterSeq: number): void;
  listed(entry: FeedEntry): void;
  /** Conversations with unread messages, the newest first. `discover`: those that are not known are new ones. */
  unread(conversations: SyncAck['unread']['conversations'], discover: boolean): void;
  /** The user is not in this conversation. */
  notFound(id: ConversationId): void;
  /** Returns true when the history was replaced: then the answer is of no use, and the owner has called `restart`. */
  entered(epoch: StoreEpoch | undefined): boolean;
  /** The history was replaced: the owner discards its state, and calls `restart`. */
  discard(): void;
  /** Nothing is missing, as far as known. Called each time. */
  caughtUp(): void;
}

/** A request under way. */
interface Request {
  since: string | undefined;
  conversations: { id: ConversationId; afterSeq: number }[];
}

/** First pause after a refusal without `retryAfterMs`, in ms. */
const PAUSE_MS = 1_000;
/** Longest delay of a sync that the server demands from all of its clients at once, in ms. */
const SPREAD_MS = 500;
/** Delay of a sync for a gap in ms: events and acks overtake each other, so the message may be under way. */
const GAP_DELAY_MS = 200;

/**
 * Requests what a device missed: one request at a time, whatever causes it, until nothing is missing.
 *
 *   idle ──want, require──▶ (delay) ──▶ requested ──answer, more is missing──▶ requested
 *     ▲                        ▲            ├──refusal, no answer──▶ paused ──▶ requested
 *     └──── caughtUp ──────────┼────────────┘
 *                              └── the connection is lost: everything that is due stays due
 *
 * The feed lists the conversations with activity since the last complete sync, and only those with missing messages are
 * named in requests, at most 100 at a time. Without a point to begin at, all known conversations are named.
 */
export class Sync {
  /** Everything before this point of the feed is here. */
  since: string | undefined;
  #clock: Clock;
  #owner: SyncOwner;
  #wire: Wire | undefined;
  /** Conversations to name; `true`: even if nothing seems to be missing. */
  #wanted = new Map<ConversationId, boolean>();
  /** Conversations of the request under way for which `check` was called: the answer may be older. */
  #checkedMeanwhile = new Set<ConversationId>();
  #isFeedDue = false;
  /** The server has refused `since`: there may be conversations that no list has shown. */
  #isRefused = false;
  /** `require` was called during a request, whose answer may be older than the loss. */
  #isRepeatDue = false;
  /** Position in the feed of the current pass. */
  #cursor: string | undefined;
  #request: Request | undefined;
  #requests = 0;
  #refusals = 0;
  #cancelTimer: (() => void) | undefined;
  #timerAt = 0;
  #isPaused = false;
  /** An answer is being taken in: the next request follows after that. */
  #isApplying = false;

  constructor(clock: Clock, owner: SyncOwner) {
    this.#clock = clock;
    this.#owner = owner;
  }

  /** True while a sync is due or under way. */
  get isBusy(): boolean {
    return this.#isFeedDue || this.#isRepeatDue || this.#wanted.size > 0 || this.#request !== undefined;
  }

  /** Number of the request under way, or of the last one. */
  get request(): number {
    return this.#requests;
  }

  /** Syncs over this connection from now on. */
  start(wire: Wire): void {
    this.stop();
    this.#wire = wire;
    this.#refusals = 0;
    this.#require();
    this.#schedule(0);
  }

  /** The connection is lost. */
  stop(): void {
    this.#wire = undefined;
    this.#request = undefined;
    this.#endTimer();
  }

  /** Events may be lost: everything is checked. */
  require(): void {
    if (this.#request) {
      this.#isRepeatDue = true;
      return;
    }
    this.#require();
    this.#schedule(this.#clock.random() * SPREAD_MS);
  }

  /** Messages of this conversation are missing. `isDelayed`: they may be under way. */
  want(id: ConversationId, isDelayed = false, isCheck: boolean = this.#wanted.get(id) ?? false): void {
    this.#wanted.set(id, isCheck);
    this.#schedule(isDelayed ? GAP_DELAY_MS * (1 + this.#clock.random()) : 0);
  }

  /** Names this conversation, even if nothing seems to be missing. */
  check(id: ConversationId, isDelayed?: boolean): void {
    if (this.#request) this.#checkedMeanwhile.add(id);
    this.want(id, isDelayed, true);
  }

  /** Begins anew: the history was replaced. */
  restart(): void {
    this.reset();
    // Its answer would belong to the earlier history.
    this.#request = undefined;
    this.#endTimer();
    this.#require();
    this.#schedule(0);
  }

  /** Forgets what is due. */
  reset(): void {
    this.since = undefined;
    this.#wanted.clear();
    this.#isFeedDue = false;
    this.#isRepeatDue = false;
    this.#isRefused = false;
    this.#cursor = undefined;
  }

  #require(): void {
    this.#isRepeatDue = false;
    this.#isFeedDue = true;
    this.#cursor = this.since ?? 'now';
    if (this.since !== undefined) return;
    for (const id of this.#owner.conversations.keys()) this.#wanted.set(id, true);
  }

  #schedule(ms: number): void {
    if (!this.#wire || this.#request || this.#isPaused || this.#isApplying) return;
    if (ms === 0) {
      this.#next();
      return;
    }
    const at = this.#clock.now() + ms;
    if (this.#cancelTimer && this.#timerAt <= at) return;
    this.#endTimer();
    this.#timerAt = at;
    this.#cancelTimer = this.#clock.after(ms, () => this.#next());
  }

  #endTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#isPaused = false;
  }

  #next(): void {
    this.#endTimer();
    const wire = this.#wire;
    if (!wire) return;
    const conversations = this.#slice();
    const since = this.#isFeedDue ? this.#cursor : undefined;
    if (conversations.length === 0 && since === undefined) {
      this.since = this.#cursor ?? this.since;
      if (this.#isRepeatDue) this.require();
      else this.#owner.caughtUp();
      return;
    }
    const request = { since, conversations };
    this.#request = request;
    this.#checkedMeanwhile.clear();
    this.#requests++;
    this.#cancelTimer = this.#clock.after(ANSWER_TIMEOUT_MS, () => this.#refused(undefined));
    wire.call<SyncAck>('sync', { ...request, limit: SYNC_SIZE }, (answer) => {
      if (this.#request !== request) return;
      // Without a feed it is a gateway of a version that is not supported. Another one may take its place.
      if (answer.ok && (since === undefined || answer.feed)) this.#answered(request, answer);
      else this.#refused((answer as Partial<FailureAck>).error);
    });
  }

  /** The next conversations to name. Those that have become complete meanwhile are dropped. */
  #slice(): Request['conversations'] {
    const slice: Request['conversations'] = [];
    for (const [id, isCheck] of this.#wanted) {
      if (slice.length === SYNC_CONVERSATIONS) break;
      if (!isCheck && this.#isComplete(id)) this.#wanted.delete(id);
      else slice.push({ id, afterSeq: this.#owner.afterSeq(id), ...this.#owner.extension?.requested(id) });
    }
    return slice;
  }

  #refused(error: FailureAck['error'] | undefined): void {
    const request = this.#request;
    this.#request = undefined;
    if (error?.code === 'VALIDATION_FAILED' && request?.since !== undefined && request.since !== 'now') {
      // The server does not accept the point any more: without it, everything is checked.
      this.since = undefined;
      this.#isRefused = true;
      this.#require();
    }
    this.#endTimer();
    this.#isPaused = true;
    const ms = pauseMs(this.#clock, error?.retryAfterMs, this.#refusals++, PAUSE_MS);
    this.#cancelTimer = this.#clock.after(ms, () => this.#next());
  }

  #answered(request: Request, answer: SyncAck): void {
    this.#endTimer();
    this.#request = undefined;
    if (this.#owner.entered(answer.epoch)) return;
    if (answer.feed?.reset) {
      this.#owner.discard();
      return;
    }
    this.#isApplying = true;
    this.#apply(request, answer);
    this.#isApplying = false;
    // Messages that are known to exist and do not come: no reason to loop, nor to keep the client from being live.
    if (request.since === undefined && this.#isStuck(request)) {
      this.#owner.caughtUp();
      this.#refused(undefined);
    } else {
      this.#refusals = 0;
      this.#next();
    }
  }

  #apply(request: Request, { conversations, notFound, unread, feed }: SyncAck): void {
    const asked = new Map(request.conversations.map(({ id, afterSeq }) => [id, afterSeq]));
    for (const id of asked.keys()) this.#wanted.set(id, this.#checkedMeanwhile.has(id));
    for (const conversation of conversations) {
      this.#owner.synced(conversation, asked.get(conversation.id) ?? 0);
    }
    for (const id of notFound) {
      this.#wanted.delete(id);
      this.#owner.notFound(id);
    }
    if (!feed) return;
    // The feed that begins now does not show what was read before.
    if (request.since === 'now') this.#owner.unread(unread.conversations, this.#isRefused);
    this.#isRefused = false;
    for (const entry of feed.conversations) this.#owner.listed(entry);
    this.#isFeedDue = feed.hasMore;
    this.#cursor = feed.since;
  }

  /** Nothing that the request named has come nearer to its end. */
  #isStuck({ conversations }: Request): boolean {
    const incomplete = conversations.filter(({ id }) => !this.#isComplete(id));
    return incomplete.length > 0 && incomplete.every(({ id, afterSeq }) => this.#owner.afterSeq(id) === afterSeq);
  }

  #isComplete(id: ConversationId): boolean {
    return this.#owner.conversations.get(id)?.isComplete ?? true;
  }
}
