import type {
  ConversationId,
  ConversationSummary,
  Message,
  MessageChanged,
  SyncedConversation,
  UserId,
} from '@chat-cluster/contracts';
import type { ConversationState } from '../core/conversation-state.ts';
import type { ChatCore } from '../core/core.ts';
import { NO_MESSAGES } from '../wire.ts';

export interface RevisionsDeps {
  readonly core: ChatCore;
  /** What is shown of the conversation has changed. */
  changed(state: ConversationState): void;
}

/** Answers of `sync` without a change that an event has announced, after which it is given up. */
const MAX_TRIES = 3;

/**
 * Changes of messages. `rev` counts those of a conversation, without gaps:
 *
 *   1 … `extra.rev`: taken in, or of a message that this device does not hold │ missing │ announced, up to `#announced`
 *
 * A change is taken in by event, ack or sync, in any order: a held message is replaced by each later version of it. While
 * `extra.rev` is behind what is announced, a sync with `afterRev` is due. The change of a message that may be on its way
 * (by event, sync or history) in an older version does not count as taken in: the sync after it brings the later version.
 *
 * A deletion also empties the quotes of held replies. It counts as one of a message that is not held, because replies
 * may be on their way with the quote from before.
 */
export class Revisions {
  #deps: RevisionsDeps;
  #announced = new Map<ConversationId, { rev: number; tries: number }>();

  constructor(deps: RevisionsDeps) {
    this.#deps = deps;
  }

  /** The changes up to this one are not requested. Where nothing is held, no change is of interest. */
  after(id: ConversationId): number {
    return this.#deps.core.conversations.get(id)?.extra.rev ?? NO_MESSAGES;
  }

  /** Events may be lost: where it is not known which changes are missing, all of them are requested. */
  doubt(): void {
    this.#announced.clear();
    for (const state of this.#deps.core.conversations.values()) {
      if (state.lastMessage && state.extra.rev === undefined) state.extra = { ...state.extra, rev: 0 };
    }
  }

  receive(change: MessageChanged): void {
    const { conversationId, seq, rev } = change;
    const { core } = this.#deps;
    const state = core.conversations.get(conversationId);
    if (!state) {
      this.#announce(conversationId, rev);
      return;
    }
    const held = copies(state, seq).sort((a, b) => revOf(b) - revOf(a))[0];
    // After a missing change, which may be one of this message, the sync brings the message as it is.
    const isApplied = change.deleted || !hasGap(state, change);
    if (isApplied && held && revOf(held) < rev) this.#put(state, changed(held, change, core.userId));
    if (change.deleted) this.#emptyQuotes(state, seq);
    this.#count(state, change, held !== undefined && !change.deleted);
  }

  /** The answer to a change of this device. */
  acknowledged(message: Message): void {
    const { conversationId, seq, rev = 0 } = message;
    const state = this.#deps.core.conversations.get(conversationId);
    if (!state) return;
    const isHeld = this.#put(state, message);
    this.#count(state, { seq, rev }, isHeld && !message.deletedAt);
  }

  /** A list or a sync shows the conversation. */
  shown(state: ConversationState, entry: ConversationSummary | SyncedConversation): void {
    if (!('messages' in entry)) {
      if (entry.lastMessage) this.#put(state, entry.lastMessage, true);
      const { lastRev = 0 } = entry;
      if (state.extra.rev !== undefined) this.#announce(state.id, lastRev);
      else if (!state.window && state.beyond.size === 0) this.#set(state, lastRev);
      this.#check(state);
      return;
    }
    const { messages, changed = [], lastRev } = entry;
    for (const message of messages) this.#put(state, message, true);
    const areHeld = changed.map((message) => this.#put(state, message, true) && !message.deletedAt).every(Boolean);
    if (lastRev === undefined) return;
    const { rev = 0 } = state.extra;
    // History that is being loaded may bring an older version of a message that is not held yet, or an older quote.
    if (areHeld || !state.window?.loads) this.#set(state, Math.max(rev, lastRev));
    else this.#announce(state.id, lastRev);
    if (entry.hasMoreChanges) this.#deps.core.sync.check(state.id);
    else this.#retry(state);
  }

  /** Counts changes of one message as taken in, if none before them is missing. */
  #count(state: ConversationState, change: Pick<MessageChanged, 'seq' | 'rev' | 'covers'>, isHeld: boolean): void {
    const { seq, rev } = change;
    const { rev: known } = state.extra;
    this.#announce(state.id, rev);
    if (known === undefined) return;
    const isNext = rev > known && !hasGap(state, change);
    if (isNext && (isHeld || !(this.#deps.core.sync.isBusy || mayArrive(state, seq)))) this.#set(state, rev);
    this.#check(state);
  }

  #announce(id: ConversationId, rev: number): void {
    const announced = this.#announced.get(id);
    if (rev > (announced?.rev ?? 0)) this.#announced.set(id, { rev, tries: 0 });
  }

  /** An answer may be older than an announced change. A change that does not come is no reason to loop. */
  #retry(state: ConversationState): void {
    const announced = this.#announced.get(state.id);
    if (!announced) return;
    if (!state.window?.loads) announced.tries++;
    if (announced.tries > MAX_TRIES) this.#announced.delete(state.id);
    this.#check(state);
  }

  #check(state: ConversationState): void {
    const announced = this.#announced.get(state.id);
    const { rev } = state.extra;
    if (!announced || rev === undefined) return;
    if (announced.rev <= rev) this.#announced.delete(state.id);
    else this.#deps.core.sync.check(state.id, true);
  }

  #set(state: ConversationState, rev: number): void {
    if (state.extra.rev === rev) return;
    state.extra = { ...state.extra, rev };
    this.#deps.changed(state);
  }

  /**
   * Replaces each copy of a held message by the latest version. Returns false if the message is not held. `isWhole`: the
   * message as the store has it. It replaces a version with the same `rev`, which may be the result of an event after a
   * change that this device has missed.
   */
  #put(state: ConversationState, message: Message, isWhole = false): boolean {
    const { seq, deletedAt, replyTo } = message;
    const deleted = deletedAt ? seq : replyTo?.deleted && replyTo.seq;
    if (deleted) this.#emptyQuotes(state, deleted);
    const held = copies(state, seq);
    const latest = [...held, message].reduce((a, b) =>
      revOf(b) > revOf(a) || (isWhole && b === message && revOf(b) === revOf(a)) ? b : a,
    );
    const isNew = isWhole && latest === message && message.rev !== undefined;
    if (!isNew && held.every((copy) => revOf(copy) === revOf(latest))) return held.length > 0;
    if (held.length === 0) return false;
    this.#replace(state, latest);
    return true;
  }

  /** Replaces each copy of a held message. */
  #replace(state: ConversationState, message: Message): void {
    const { window, beyond, lastMessage } = state;
    const { seq } = message;
    const at = window?.messages.findLastIndex((one) => one.seq === seq) ?? -1;
    if (at >= 0) window?.messages.splice(at, 1, message);
    if (beyond.has(seq)) beyond.set(seq, message);
    if (lastMessage?.seq === seq) state.lastMessage = message;
    this.#deps.changed(state);
  }

  /** Empties what held replies quote of a deleted message. */
  #emptyQuotes(state: ConversationState, deleted: number): void {
    const { window, beyond, lastMessage } = state;
    for (const message of [...beyond.values()].concat(window?.messages ?? [], lastMessage ?? [])) {
      const { replyTo } = message;
      if (replyTo?.seq === deleted && !replyTo.deleted) {
        this.#replace(state, { ...message, replyTo: { ...replyTo, text: null, deleted: true } });
      }
    }
  }
}

/** A change between those that were taken in and this one is missing. */
function hasGap(
  { extra: { rev: known = Number.POSITIVE_INFINITY } }: ConversationState,
  { rev, covers = [] }: Pick<MessageChanged, 'rev' | 'covers'>,
): boolean {
  return covers.filter((one) => one > known).length < rev - known - 1;
}

/** A message that is not held may arrive in an older version: it is new, or the window is being loaded. */
function mayArrive({ window, upTo = -1 }: ConversationState, seq: number): boolean {
  return seq > upTo || (window !== undefined && (window.loads > 0 || window.loadAfter !== undefined));
}

/** The versions of a message that are held: in the window, waiting, and as the last message. */
function copies({ window, beyond, lastMessage }: ConversationState, seq: number): Message[] {
  const inWindow = window?.messages.findLast((one) => one.seq === seq);
  const last = lastMessage?.seq === seq ? lastMessage : undefined;
  return [inWindow, beyond.get(seq), last].filter((copy) => copy !== undefined);
}

function revOf({ rev = 0 }: Message): number {
  return rev;
}

/** The message after a change. Events do not have `mine`, which follows from who has reacted. */
function changed(message: Message, change: MessageChanged, userId: UserId | undefined): Message {
  const { rev, by, at, edited, deleted, reactions } = change;
  if (deleted) {
    const { mentions, mentionsAll, replyTo, reactions: _, ...rest } = message;
    return { ...rest, content: null, attachments: [], deletedAt: at, deletedBy: by, rev };
  }
  const { mentions, ...others } = message;
  const next = { ...(edited ? { ...others, ...edited, editedAt: at } : message), rev };
  return reactions ? withReactions(next, reactions, change, userId) : next;
}

function withReactions(
  message: Message,
  reactions: NonNullable<Message['reactions']>,
  { by, reacted }: MessageChanged,
  userId: UserId | undefined,
): Message {
  const { reactions: before = [], ...rest } = message;
  if (reactions.length === 0) return rest;
  const wasMine = new Set(before.filter(({ mine }) => mine).map(({ emoji }) => emoji));
  if (reacted && by === userId) wasMine[reacted.on ? 'add' : 'delete'](reacted.emoji);
  const now = reactions.map((one) => ({ ...one, ...(wasMine.has(one.emoji) && { mine: true }) }));
  return { ...rest, reactions: now };
}
