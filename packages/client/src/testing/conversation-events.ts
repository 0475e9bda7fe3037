import type { ConversationId, ConversationSettings, GroupChange, UserId } from '@chat-cluster/contracts';
import { type Gateways, unreadCount } from './gateways.ts';
import { type GroupChanges, type GroupOutcome, groupAck } from './group-changes.ts';
import type { FakeHistory } from './history.ts';
import type { FakeMessageChange, MessageChanges } from './message-changes.ts';
import { SMALL_GROUP, sees } from './people.ts';
import type { Presences } from './presences.ts';
import { idsOf, personOf, type StoredConversation } from './stored.ts';
import { groupView, unreadIn } from './views.ts';

export interface ConversationEventDeps {
  history: FakeHistory;
  gateways: Pick<Gateways, 'emitTo'>;
  presences: Pick<Presences, 'contactsMade'>;
  groups: GroupChanges;
  changes: MessageChanges;
}

/** Groups, changes of messages, settings, blocks and receipts: changes the history, and notifies the devices. */
export class ConversationEvents {
  readonly #deps: ConversationEventDeps;

  constructor(deps: ConversationEventDeps) {
    this.#deps = deps;
  }

  createGroup(userId: UserId, body: Parameters<GroupChanges['create']>[1]) {
    return this.#groupChanged(userId, this.#deps.groups.create(userId, body));
  }

  changeGroup(userId: UserId, id: ConversationId, change: GroupChange, changeId: string | undefined) {
    return this.#groupChanged(userId, this.#deps.groups.change(userId, id, change, changeId));
  }

  changeMessage(userId: UserId, id: ConversationId, seq: number, change: FakeMessageChange): object {
    const { history, gateways, changes } = this.#deps;
    const { conversation, message, event } = changes.change(userId, id, seq, change);
    if (event) {
      for (const one of idsOf(conversation)) {
        // A deletion, which has no content, empties quotes of a message that not all members see.
        if (!event.deleted && !sees(personOf(conversation, one), seq)) continue;
        gateways.emitTo(one, 'message_changed', event);
        if (event.deleted && one !== message.senderId && seq > personOf(conversation, one).upToSeq)
          this.emitBadge(one, id);
      }
      history.touch(conversation);
    }
    return { ok: true, message };
  }

  configure(userId: UserId, id: ConversationId, settings: Partial<ConversationSettings>): object {
    const { history } = this.#deps;
    const conversation = history.of(userId, id);
    const person = personOf(conversation, userId);
    const wasMuted = person.settings.muted;
    Object.assign(person.settings, settings);
    history.touch(conversation);
    this.emitSettings(userId, conversation);
    if (person.settings.muted !== wasMuted) this.emitBadge(userId, id);
    return { ok: true, settings: { ...person.settings } };
  }

  block(userId: UserId, { userId: other, blocked }: { userId: UserId; blocked: boolean }): object {
    this.#deps.history.setBlock(userId, other, blocked);
    this.#deps.gateways.emitTo(userId, 'block_changed', { userId: other, blocked });
    this.#deps.presences.contactsMade([userId, other]);
    return { ok: true };
  }

  /** Moves delivered marks forward. Conversations that the user is not in are ignored. */
  deliver(userId: UserId, marks: readonly { id: ConversationId; upToSeq: number }[]): object {
    const { history, gateways } = this.#deps;
    for (const { id, upToSeq } of marks) {
      const conversation = history.find(userId, id);
      const ids = conversation ? idsOf(conversation) : [];
      if (!conversation || !ids.includes(userId) || ids.length > SMALL_GROUP) continue;
      const person = personOf(conversation, userId);
      const mark = Math.min(upToSeq, conversation.messages.length);
      if (mark <= Math.max(person.deliveredUpTo, person.upToSeq)) continue;
      person.deliveredUpTo = mark;
      for (const one of ids) {
        const marks = [{ conversationId: id, userId, upToSeq: mark }];
        if (one !== userId) gateways.emitTo(one, 'messages_delivered', { marks });
      }
    }
    return { ok: true };
  }

  emitBadge(userId: UserId, conversationId: ConversationId): void {
    const { history, gateways } = this.#deps;
    const { count } = unreadIn(userId, history.of(userId, conversationId));
    gateways.emitTo(userId, 'unread_count', {
      ...unreadCount(history.countsOf(userId)),
      conversations: [{ conversationId, count }],
    });
  }

  /** To all devices of the user. */
  emitSettings(userId: UserId, conversation: StoredConversation): void {
    const settings = { ...personOf(conversation, userId).settings };
    const changed = { conversationId: conversation.id, settings };
    this.#deps.gateways.emitTo(userId, 'conversation_changed', changed);
  }

  #groupChanged(userId: UserId, outcome: GroupOutcome) {
    const { gateways, presences } = this.#deps;
    const { conversation, entry, to, changed } = outcome;
    const { id: conversationId } = conversation;
    for (const one of changed) {
      const { id, kind, createdAt, lastSeq, ...group } = groupView(one, conversation);
      gateways.emitTo(one, 'conversation_changed', { conversationId, group });
    }
    if (entry) for (const one of to) gateways.emitTo(one, 'new_message', entry);
    // Those who left have no unread messages any more, and new members see each other.
    for (const one of changed) if (!idsOf(conversation).includes(one)) this.emitBadge(one, conversationId);
    if (changed.length > 0) presences.contactsMade(idsOf(conversation));
    return groupAck(userId, outcome);
  }
}
