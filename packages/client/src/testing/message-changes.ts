import type { ConversationId, Message, MessageChanged, UserId } from '@chat-cluster/contracts';
import { FakeRejection } from './errors.ts';
import { PERMISSIONS } from './group-changes.ts';
import { type FakeHistory, mentions } from './history.ts';
import { reactionsOf, type StoredConversation, type StoredMessage, shown } from './stored.ts';

/** A change of a message. */
export type FakeMessageChange =
  | { type: 'edit'; content: string; mentions?: UserId[] | undefined; changeId?: string | undefined }
  | { type: 'delete' }
  | { type: 'react'; emoji: string; on: boolean };

/** Times within which senders change their messages, in ms. */
export interface ChangeWindows {
  editWindowMs: number;
  deleteWindowMs: number;
}

export interface ChangeOutcome {
  conversation: StoredConversation;
  message: Message;
  /** Absent when the change had no effect. */
  event?: MessageChanged;
}

/** Different emojis among the reactions to one message. */
const REACTION_KINDS = 20;

/** Edits, deletes and reacts to messages of a fake cluster, with the rights of the real one. */
export class MessageChanges {
  readonly #history: FakeHistory;
  readonly #windows: ChangeWindows;

  constructor(history: FakeHistory, windows: ChangeWindows) {
    this.#history = history;
    this.#windows = windows;
  }

  change(by: UserId, id: ConversationId, seq: number, change: FakeMessageChange): ChangeOutcome {
    const conversation = this.#history.of(by, id);
    if (conversation.kind === 'group') this.#history.member(by, conversation);
    const message = this.#history.messageOf(by, conversation, seq);
    if (message.system) {
      throw new FakeRejection('FORBIDDEN', { message: 'Entries about the group cannot be changed.' });
    }
    if (message.deletedAt && change.type !== 'delete') throw new FakeRejection('MESSAGE_NOT_FOUND');
    // An edit or a reaction could carry a text to a user who has blocked the sender.
    if (message.receiverId && change.type !== 'delete') this.#history.checkBlocks(message.senderId, message.receiverId);
    const fields =
      change.type === 'edit'
        ? this.#edit(by, conversation, message, change)
        : change.type === 'delete'
          ? this.#delete(by, conversation, message)
          : this.#react(by, conversation, message, change);
    const result = { conversation, message: shown(conversation, message, by) };
    if (!fields) return result;
    return { ...result, event: { conversationId: id, seq, rev: message.rev as number, by, ...fields } };
  }

  #edit(
    by: UserId,
    conversation: StoredConversation,
    message: StoredMessage,
    change: FakeMessageChange & { type: 'edit' },
  ) {
    const { content, changeId } = change;
    if (changeId !== undefined && message.versions.some((one) => one.changeId === changeId)) return undefined;
    this.#checkRight(by, conversation, message, this.#windows.editWindowMs);
    const at = this.#history.changed(conversation, message);
    message.versions.push({ content: message.content, editedAt: at, editedBy: by, changeId });
    message.content = content;
    message.editedAt = at;
    if (change.mentions) {
      delete message.mentions;
      Object.assign(message, mentions(conversation, { mentions: change.mentions }));
    }
    const { mentions: mentioned } = message;
    return { at, edited: { content, ...(mentioned && { mentions: mentioned }) } };
  }

  #delete(by: UserId, conversation: StoredConversation, message: StoredMessage) {
    if (message.deletedAt) return undefined;
    this.#checkRight(by, conversation, message, this.#windows.deleteWindowMs);
    const at = this.#history.changed(conversation, message);
    Object.assign(message, {
      content: null,
      attachments: [],
      deletedAt: at,
      deletedBy: by,
      reactors: [],
      versions: [],
    });
    delete message.mentions;
    delete message.mentionsAll;
    delete message.replyTo;
    for (const { replyTo } of conversation.messages) {
      if (replyTo?.seq === message.seq) Object.assign(replyTo, { text: null, deleted: true });
    }
    return { at, deleted: true as const };
  }

  #react(
    by: UserId,
    conversation: StoredConversation,
    message: StoredMessage,
    { emoji, on }: FakeMessageChange & { type: 'react' },
  ) {
    const known = message.reactors.find((one) => one.emoji === emoji);
    if ((known?.userIds.includes(by) ?? false) === on) return undefined;
    if (on && !known && message.reactors.length >= REACTION_KINDS) {
      throw new FakeRejection('LIMIT_EXCEEDED', {
        message: `A message has at most ${REACTION_KINDS} kinds of reactions.`,
      });
    }
    if (on && known) known.userIds.push(by);
    else if (on) message.reactors.push({ emoji, userIds: [by] });
    else if (known) known.userIds = known.userIds.filter((userId) => userId !== by);
    message.reactors = message.reactors.filter(({ userIds }) => userIds.length > 0);
    const at = this.#history.changed(conversation, message);
    return { at, reactions: reactionsOf(message), reacted: { emoji, on } };
  }

  /** The sender, within the time; owners and admins of a group at any time. */
  #checkRight(by: UserId, conversation: StoredConversation, message: StoredMessage, withinMs: number): void {
    const role = conversation.kind === 'group' ? this.#history.member(by, conversation).role : null;
    if (role !== null && PERMISSIONS[role].changeAnyMessage) return;
    if (message.senderId !== by) {
      throw new FakeRejection('FORBIDDEN', {
        message: 'Only the sender may change this message, or an owner or admin.',
      });
    }
    if (withinMs === 0) throw new FakeRejection('FORBIDDEN', { message: 'Users may not change messages here.' });
    if (this.#history.now() - Date.parse(message.createdAt) > withinMs) throw new FakeRejection('TOO_LATE');
  }
}
