import type {
  GroupAck,
  GroupChange,
  GroupOfMember,
  Message,
  Reaction,
  SettingsAck,
  UserId,
} from '@chat-cluster/contracts';
import { OLDER } from '../conversation-handle.ts';
import type { ConversationExtra, ConversationState } from '../core/conversation-state.ts';
import { checkContent, newId } from '../draft.ts';
import type { Engine } from '../engine.ts';
import type { Conversation } from '../types.ts';
import { checkMentions, checkSeq } from './draft.ts';
import { PagedMembers } from './member-list.ts';
import type { PendingChanges } from './pending-changes.ts';
import type { Requests } from './requests.ts';
import type { FullConversation, MessageEdit, MessageVersion, Readers } from './types.ts';
import { olderPart } from './windows.ts';

type Added = Omit<FullConversation, keyof Conversation> & Pick<FullConversation, 'read' | 'loadOlder'>;

export interface FullConversationDeps {
  readonly engine: Engine;
  readonly requests: Requests;
  readonly pending: PendingChanges;
  /** Changes what the snapshot of a conversation shows. */
  set(state: ConversationState, fields: ConversationExtra): void;
  /** Takes in a group as the server has it, with the entries up to `lastSeq`. */
  takeGroup(state: ConversationState, group: GroupOfMember, lastSeq?: number): void;
}

/** What the extension adds to a handle. `onMembers` receives the function to call when the members have changed. */
export function fullConversation(
  handle: Conversation,
  inside: FullConversationDeps,
  onMembers: (reload: () => void) => void,
): Added {
  const { engine, requests, pending } = inside;
  const { core, list, rest, batch } = engine;
  const { id } = handle;
  const state = () => core.conversations.get(id);
  const members = new PagedMembers(engine, id);
  onMembers(() => {
    // A former member may not see the members.
    if (state()?.extra.group?.role !== null) members.reload();
  });
  const messagePath = (seq: number) => {
    checkSeq('seq', seq);
    return `/api/messages/in/${id}/${seq}`;
  };
  const change = async (wanted: GroupChange, changeId: string = newId()) => {
    const taken = (answer?: GroupAck) =>
      batch.run(() => answer && inside.takeGroup(core.state(id), answer.group, answer.group.lastSeq));
    const { group } = await requests.call<GroupAck>(
      'change_group',
      { conversationId: id, change: wanted, changeId },
      taken,
    );
    return group;
  };
  const read = handle.read.bind(handle);
  const added: Added = {
    info: {
      get() {
        const known = state();
        return known?.isKnown ? list.snapshot(known) : undefined;
      },
      subscribe: (listener) => list.subscribe(listener),
    },
    get kind() {
      return state()?.isKnown ? (added.group ? 'group' : 'direct') : undefined;
    },
    get group() {
      return state()?.extra.group;
    },
    members,

    async loadOlder(count = OLDER) {
      const older = olderPart(core.state(id));
      if (older) await handle.loadHole(older, count);
    },
    async edit(seq, edit) {
      const {
        content,
        mentions,
        changeId = newId(),
      }: MessageEdit = typeof edit === 'string' ? { content: edit } : edit;
      checkContent(content);
      if (mentions) checkMentions(mentions);
      const payload = { conversationId: id, seq, content, changeId, ...(mentions && { mentions }) };
      return pending.change('edit_message', payload, (message) => ({ ...message, content }));
    },
    async delete(seq) {
      return pending.change(
        'delete_message',
        { conversationId: id, seq },
        ({ reactions, replyTo, mentions, mentionsAll, ...message }) => ({
          ...message,
          content: null,
          attachments: [],
          deletedAt: message.deletedAt ?? new Date(engine.clock.now()).toISOString(),
        }),
      );
    },
    async react(seq, emoji, on = true) {
      return pending.change('set_reaction', { conversationId: id, seq, emoji, on }, (message) =>
        reacted(message, emoji, on),
      );
    },
    versions: async (seq) =>
      (await rest.request<{ versions: MessageVersion[] }>(`${messagePath(seq)}/versions`)).versions,
    reactors: async (seq, emoji) =>
      (await rest.request<{ userIds: UserId[] }>(`${messagePath(seq)}/reactions?emoji=${encodeURIComponent(emoji)}`))
        .userIds,
    readers: async (seq) => rest.request<Readers>(`${messagePath(seq)}/readers`),
    receipts(seq) {
      const { readMarks = {}, extra } = state() ?? {};
      const upTo = (marks: Readonly<Record<string, number>> = {}) =>
        Object.keys(marks).filter((userId) => userId !== core.userId && (marks[userId] ?? 0) >= seq) as UserId[];
      const hasRead = upTo(readMarks);
      return { read: hasRead, delivered: upTo(extra?.deliveredMarks).filter((userId) => !hasRead.includes(userId)) };
    },

    async set(settings) {
      const taken = (answer?: SettingsAck) =>
        batch.run(() => answer && inside.set(core.state(id), { settings: answer.settings }));
      return (await requests.call<SettingsAck>('set_conversation', { conversationId: id, settings }, taken)).settings;
    },
    read() {
      read();
      // The read mark stays where it is when nothing is new: then the flag is cleared by itself.
      if (state()?.extra.settings?.markedUnread)
        void added.set({ markedUnread: false }).catch((error) => engine.fail(error));
    },

    rename: (title) => change({ type: 'rename', title }),
    add: (userIds, { history = 'none', changeId } = {}) =>
      change({ type: 'add', userIds: [...userIds] as UserId[], history }, changeId),
    remove: (userId) => change({ type: 'remove', userId: userId as UserId }),
    leave: () => change({ type: 'leave' }),
    setRole: (userId, role) => change({ type: 'role', userId: userId as UserId, role }),
  };
  return added;
}

/** The message with a reaction of this user set or cleared. */
function reacted({ reactions = [], ...message }: Message, emoji: string, on: boolean): Message {
  const known = reactions.find((one) => one.emoji === emoji);
  if (on === (known?.mine ?? false)) return reactions.length > 0 ? { ...message, reactions } : message;
  const step = on ? 1 : -1;
  const next = (known ? reactions : [...reactions, { emoji, count: 0 }])
    .map((one): Reaction => (one.emoji === emoji ? { emoji, count: one.count + step, ...(on && { mine: true }) } : one))
    .filter(({ count }) => count > 0);
  return next.length > 0 ? { ...message, reactions: next } : message;
}
