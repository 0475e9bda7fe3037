import { type ConversationId, type Group, type GroupChange, Rejection, type UserId } from '@chat-cluster/contracts';
import { type Conversations, changeGroup, createGroup, type Inbox, type NewGroup } from '@chat-cluster/domain';
import type { GatewayConfig } from './config.ts';
import type { SharedLimit } from './shared-limit.ts';

export interface UserGroupsDeps {
  conversations: Pick<Conversations, 'participantsOf'>;
  inbox: Inbox;
  newGroups: SharedLimit;
  /** Signals to users that they may have new contacts. */
  announce(userIds: readonly UserId[]): void;
  /** Signals that a user has left a group, or was removed. */
  announceLeft(userId: UserId): void;
  config: Pick<GatewayConfig, 'OPEN_CONVERSATIONS'>;
}

/**
 * What users may do with groups, by socket and by REST: with OPEN_CONVERSATIONS=server they neither create groups nor add
 * members. New groups are limited per minute; members are added within the limits of events and requests.
 */
export class UserGroups {
  readonly #deps: UserGroupsDeps;

  constructor(deps: UserGroupsDeps) {
    this.#deps = deps;
  }

  /** Rejections: FORBIDDEN, RATE_LIMITED, those of createGroup. */
  async create(userId: UserId, group: NewGroup): Promise<Group> {
    this.#rejectIfOnlyServer();
    await this.#deps.newGroups.take(userId);
    const created = await createGroup(this.#deps, userId, group);
    this.#deps.announce([userId, ...group.userIds]);
    return created;
  }

  /** Rejections: FORBIDDEN, those of changeGroup. */
  async change(by: UserId, id: ConversationId, change: GroupChange, changeId: string | undefined): Promise<Group> {
    if (change.type === 'add') this.#rejectIfOnlyServer();
    const changed = await changeGroup(this.#deps, by, id, change, changeId);
    if (change.type === 'add') this.#deps.announce([by, ...change.userIds]);
    if (change.type === 'remove') this.#deps.announceLeft(change.userId);
    if (change.type === 'leave') this.#deps.announceLeft(by);
    return changed;
  }

  #rejectIfOnlyServer(): void {
    if (this.#deps.config.OPEN_CONVERSATIONS === 'server') {
      throw new Rejection('FORBIDDEN', { message: 'On this server, users cannot create groups or add members.' });
    }
  }
}
