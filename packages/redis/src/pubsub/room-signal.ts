import type { ConversationId, UserId } from '@chat-cluster/contracts';

/*
 * Signals about the rooms of groups, between the emits of a channel and in order with them. On the channel of a user: the
 * user's groups with a room have changed, so gateways read them again, and the user leaves `leave` at once. On the
 * channel of a group: these users leave it at once, so that no gateway delivers later entries to them.
 */

/** First character of a signal. Neither adapter has messages that begin with it, and requests have another one. */
const MARK = '&';
const MARK_BYTE = MARK.charCodeAt(0);

/** What a signal on the channel of a user reports. `leave`: the user was removed from this group. */
export interface RoomSignal {
  leave?: ConversationId;
}

export function userSignal({ leave }: RoomSignal): string {
  return MARK + (leave ?? '');
}

export function leaveSignal(userIds: readonly UserId[]): string {
  return MARK + JSON.stringify(userIds);
}

/** True for a message that is a signal, not an emit. */
export function isRoomSignal(message: Buffer): boolean {
  return message[0] === MARK_BYTE;
}

export function parseUserSignal(message: Buffer): RoomSignal {
  const leave = message.toString('utf8', 1);
  return leave === '' ? {} : { leave: leave as ConversationId };
}

/** The users of a signal on the channel of a group. */
export function parseLeaveSignal(message: Buffer): UserId[] {
  return JSON.parse(message.toString('utf8', 1));
}
