import type { ConversationId, UserId } from '@chat-cluster/contracts';
import { controlMessage, controlText } from './control-message.ts';

/*
 * Signals about the rooms of groups, between the emits of a channel and in order with them. On the channel of a user: the
 * user's groups with a room have changed, so gateways read them again, and the user leaves `leave` at once. On the
 * channel of a group: these users leave it at once, so that no gateway delivers later entries to them.
 */

const MARK = '&';

/** What a signal on the channel of a user reports. `leave`: the user was removed from this group. */
export interface RoomSignal {
  leave?: ConversationId;
}

export function userSignal({ leave }: RoomSignal): Buffer {
  return controlMessage(MARK, leave ?? '');
}

export function leaveSignal(userIds: readonly UserId[]): Buffer {
  return controlMessage(MARK, JSON.stringify(userIds));
}

/** The text of a signal; undefined for any other message. */
export function roomSignalOf(message: Buffer): string | undefined {
  return controlText(MARK, message);
}

export function parseUserSignal(signal: string): RoomSignal {
  return signal === '' ? {} : { leave: signal as ConversationId };
}

/** The users of a signal on the channel of a group. */
export function parseLeaveSignal(signal: string): UserId[] {
  return JSON.parse(signal);
}
