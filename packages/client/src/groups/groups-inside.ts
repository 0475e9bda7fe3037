import type {
  ConversationChanged,
  ConversationId,
  ConversationSummary,
  GroupAck,
  GroupOfMember,
  Message,
  MessageChanged,
  MessagesDelivered,
  MessagesRead,
  ReadAck,
  SyncedConversation,
  UnreadCount,
} from '@chat-cluster/contracts';
import type { ConversationExtra, ConversationState } from '../core/conversation-state.ts';
import { DeliveredMarks } from '../core/delivered-marks.ts';
import { newId } from '../draft.ts';
import type { Engine } from '../engine.ts';
import type { Extension } from '../extension.ts';
import type { ChatClient, Conversation, DraftMessage, MessagesSnapshot } from '../types.ts';
import { RECEIPT_MEMBERS } from '../wire.ts';
import { BlockList } from './block-list.ts';
import { checkedExtras } from './draft.ts';
import { fullConversation } from './full-conversation.ts';
import { afterEntry, isMentioned, ofMember } from './group-state.ts';
import { PendingChanges } from './pending-changes.ts';
import { Requests } from './requests.ts';
import { Revisions } from './revisions.ts';
import type { FullConversation, GroupChatClient, UnreadCounts } from './types.ts';
import { hiddenUpTo, olderPart, visibleParts } from './windows.ts';

/** The extension inside of one client: it takes in what concerns groups, and passes the rest to its parts. */
export class GroupsInside implements Extension {
  readonly handshake = { protocol: 2 } as const;
  readonly events = ['message_changed', 'conversation_changed', 'block_changed', 'messages_delivered'] as const;
  readonly client: GroupChatClient;
  readonly engine: Engine;
  readonly requests: Requests;
  readonly pending: PendingChanges;
  readonly revisions: Revisions;
  #delivered: DeliveredMarks;
  #blocks: BlockList;
  #counts: UnreadCounts = NO_COUNTS;
  /** The `seq` up to which the entries of a group are part of its snapshot. */
  #countedUpTo = new Map<ConversationId, number>();
  #members = new Map<ConversationId, () => void>();
  #userId: string | undefined;

  constructor(client: ChatClient, engine: Engine) {
    this.engine = engine;
    engine.extension = this;
    engine.core.extension = this;
    this.requests = new Requests(engine);
    this.revisions = new Revisions(engine);
    this.pending = new PendingChanges(this);
    this.#delivered = new DeliveredMarks(engine);
    this.#blocks = new BlockList(engine, this.requests);
    const counts = () => this.#counts;
    const added = {
      groups: { create: (group: Parameters<GroupChatClient['groups']['create']>[0]) => this.#create(group) },
      blocks: this.#blocks,
      get counts() {
        return counts();
      },
    };
    this.client = Object.defineProperties(client, Object.getOwnPropertyDescriptors(added)) as GroupChatClient;
    client.on('message', (message) => this.#received(message));
    client.on('status', ({ state, userId }) => {
      if (userId && userId !== this.#userId) this.#entered(userId);
      if (state === 'live') {
        this.#delivered.start();
        void this.#blocks.changed();
      } else this.#lost();
    });
  }

  opened(handle: Conversation): void {
    const onMembers = (reload: () => void) => this.#members.set(handle.id, reload);
    const full = fullConversation(handle, this, onMembers);
    Object.defineProperties(handle, Object.getOwnPropertyDescriptors(full));
  }

  shown(message: Message): Message {
    return this.pending.shown(message);
  }

  draft(draft: DraftMessage): object {
    return checkedExtras(draft);
  }

  requested(id: ConversationId): object {
    return { afterRev: this.revisions.after(id) };
  }

  visible(state: ConversationState, { holes }: MessagesSnapshot): Partial<MessagesSnapshot> | undefined {
    const { group } = state.extra;
    return group && { holes: visibleParts(holes, group.windows), hasOlder: olderPart(state) !== undefined };
  }

  shows(state: ConversationState, entry: ConversationSummary | SyncedConversation): void {
    const { group, settings, lastSeq } = entry;
    // A page of the list may be older than what came meanwhile.
    if ('messages' in entry || !state.isKnown || lastSeq >= state.lastSeq) {
      this.set(state, { settings, ...('messages' in entry ? {} : { mentionCount: entry.mentionCount }) });
      if (group) this.takeGroup(state, group, lastSeq);
    }
    if ('messages' in entry) {
      for (const { userId, upToSeq } of entry.deliveredMarks ?? []) this.#has(state, userId, upToSeq);
    }
    this.revisions.shown(state, entry);
  }

  event(name: string, payload: unknown): void {
    if (name === 'message_changed') this.revisions.receive(payload as MessageChanged);
    else if (name === 'conversation_changed') this.#conversationChanged(payload as ConversationChanged);
    else if (name === 'block_changed') void this.#blocks.changed();
    else if (name === 'unread_count') this.#counted(payload as UnreadCount);
    else if (name === 'sync_required') {
      this.revisions.doubt();
      void this.#blocks.changed();
    } else if (name === 'messages_read') {
      const { conversationId, userId, upToSeq } = payload as MessagesRead;
      if (userId === this.engine.core.userId) this.#read(conversationId, upToSeq);
    } else if (name === 'messages_delivered') {
      for (const { conversationId, userId, upToSeq } of (payload as MessagesDelivered).marks) {
        const state = this.engine.core.conversations.get(conversationId);
        if (state) this.#has(state, userId, upToSeq);
      }
    }
  }

  /** Groups of more than 32 members have no event for it. */
  marked({ conversationId, upToSeq }: ReadAck): void {
    const { core, clock } = this.engine;
    const { group } = core.conversations.get(conversationId)?.extra ?? {};
    if (!group || group.memberCount <= RECEIPT_MEMBERS || core.userId === undefined) return;
    const readAt = new Date(clock.now()).toISOString();
    core.markRead({ conversationId, userId: core.userId, upToSeq, readAt });
    this.#read(conversationId, upToSeq);
  }

  /** Changes what the snapshot of a conversation shows. */
  set(state: ConversationState, fields: ConversationExtra): void {
    state.extra = { ...state.extra, ...fields };
    this.engine.changed(state);
  }

  /** Takes in a group as the server has it, with the entries up to `lastSeq`. */
  takeGroup(state: ConversationState, group: GroupOfMember, lastSeq?: number): void {
    const isNew = !state.extra.group;
    this.set(state, { group: ofMember(group) });
    if (lastSeq !== undefined) this.#countedUpTo.set(state.id, lastSeq);
    const hidden = hiddenUpTo(group.windows, state.upTo);
    if (hidden !== undefined) state.skipTo(hidden);
    // The members may see each other now.
    if (isNew) this.engine.watches.start();
  }

  async #create({
    title,
    userIds,
    changeId = newId(),
  }: {
    title: string;
    userIds: readonly string[];
    changeId?: string;
  }) {
    const { batch, core, conversations } = this.engine;
    const { group } = await this.requests.call<GroupAck>('create_group', { title, userIds, changeId });
    this.engine.open();
    return batch.run(() => {
      const state = core.state(group.id);
      state.active(group.createdAt);
      this.takeGroup(state, group, group.lastSeq);
      return conversations.open(group.id) as unknown as FullConversation;
    });
  }

  #conversationChanged({ conversationId, group, settings }: ConversationChanged): void {
    const { core } = this.engine;
    if (!group && !core.conversations.has(conversationId)) return;
    const state = core.state(conversationId);
    const before = state.extra.group;
    if (settings) this.set(state, { settings });
    if (!group) return;
    // Its entry, which the number of members follows, may come before or after this event.
    this.takeGroup(state, before ? { ...group, memberCount: before.memberCount } : group);
    if (before?.role !== group.role) {
      core.sync.check(conversationId, true);
      this.#members.get(conversationId)?.();
    }
  }

  /** A message was delivered, in order. */
  #received(message: Message): void {
    const { core, batch } = this.engine;
    const state = core.conversations.get(message.conversationId);
    if (!state) return;
    const { id, extra } = state;
    batch.run(() => {
      const { group, settings } = extra;
      if (message.system) {
        if (group && message.seq > (this.#countedUpTo.get(id) ?? 0)) {
          this.set(state, { group: afterEntry(group, message, core.userId) });
          this.#countedUpTo.set(id, message.seq);
        }
        this.#members.get(id)?.();
      } else if (settings?.archived) this.set(state, { settings: { ...settings, archived: false } });
      if (message.senderId === core.userId) return;
      if (isMentioned(message, core.userId) && message.seq > core.readUpTo(id)) {
        this.set(state, { mentionCount: (extra.mentionCount ?? 0) + 1 });
      }
      this.#delivered.add(id, message.seq, group?.memberCount);
    });
  }

  #counted({ mutedCount = 0, mentionCount = 0, conversations = [] }: UnreadCount): void {
    this.#counts = { mutedCount, mentionCount };
    for (const { conversationId, count } of conversations) {
      const state = this.engine.core.conversations.get(conversationId);
      if (count === 0 && state?.extra.mentionCount) this.set(state, { mentionCount: undefined });
    }
  }

  /** The user has read: the flag is cleared, and no mention is unread up to there. */
  #read(id: ConversationId, upToSeq: number): void {
    const state = this.engine.core.conversations.get(id);
    if (!state) return;
    const { settings, mentionCount } = state.extra;
    if (settings?.markedUnread) this.set(state, { settings: { ...settings, markedUnread: false } });
    if (mentionCount && upToSeq >= state.lastSeq) this.set(state, { mentionCount: undefined });
  }

  /** A device of the user has the messages up to `upToSeq`. */
  #has(state: ConversationState, userId: string, upToSeq: number): void {
    const marks: Readonly<Record<string, number>> = state.extra.deliveredMarks ?? {};
    if (upToSeq > (marks[userId] ?? 0)) this.set(state, { deliveredMarks: { ...marks, [userId]: upToSeq } });
  }

  #lost(): void {
    this.requests.lost();
    this.#delivered.stop();
    this.revisions.doubt();
  }

  #entered(userId: string): void {
    if (this.#userId !== undefined) {
      this.#counts = NO_COUNTS;
      this.#countedUpTo.clear();
      this.#delivered.clear();
      this.#blocks.clear();
    }
    this.#userId = userId;
  }
}

const NO_COUNTS: UnreadCounts = { mutedCount: 0, mentionCount: 0 };
