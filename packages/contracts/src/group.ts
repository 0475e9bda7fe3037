import { z } from 'zod';
import { conversationId, userId } from './ids.ts';
import { LIMITS } from './limits.ts';
import { isVisible } from './visible-text.ts';

/**
 * Groups: conversations of up to some thousand members with roles. What happens to a group (a new member, a new title)
 * is an entry of its sequence, beside its messages, so "who could see `seq` n" has one answer.
 */

export const title = z
  .string()
  .max(LIMITS.titleLength)
  .refine((text) => isVisible(text) && text.isWellFormed() && !/\p{Cc}/u.test(text), 'must be visible text of one line')
  .meta({ description: 'Title of a group', example: 'Lunch' });

/** What each role may do is in the table {@link PERMISSIONS}. */
export const role = z.enum(['owner', 'admin', 'member']).meta({ id: 'Role', example: 'member' });

export type Role = z.infer<typeof role>;

/** What a member with this role may do, beside sending, reading and leaving, which every member may. */
export const PERMISSIONS = {
  owner: { rename: true, add: true, remove: ['owner', 'admin', 'member'], setRole: true, changeAnyMessage: true },
  admin: { rename: true, add: true, remove: ['member'], setRole: false, changeAnyMessage: true },
  member: { rename: false, add: false, remove: [], setRole: false, changeAnyMessage: false },
} as const satisfies Record<Role, unknown>;

/** How much of the earlier messages a new member sees: all of them, none, or those since a time. */
export const visibleHistory = z
  .union([z.enum(['all', 'none']), z.object({ since: z.iso.datetime() })], 'must be all, none, or {since} with a time')
  .meta({ id: 'VisibleHistory', description: 'Which earlier messages a new member sees', example: 'none' });

export type VisibleHistory = z.infer<typeof visibleHistory>;

/** Id of a change, chosen by the client: a repetition with the same id changes nothing and gets the first result. */
export const changeId = z
  .string()
  .min(1)
  .max(LIMITS.changeIdLength)
  .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII')
  .meta({ description: 'Chosen by the client; a repetition with the same id gets the first result', example: 'c-17' });

/** Largest number of users in one request; the server's own cap MAX_USERS_PER_ADD may be smaller. */
const someUsers = z
  .array(userId)
  .min(1)
  .max(1_000)
  .meta({ example: ['bob', 'carol'] });

/** What an entry about the group itself reports. The user who did it is `senderId` of the entry. */
export const systemEntry = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('created'), title, userIds: z.array(userId) }),
    z.object({ type: z.literal('added'), userIds: z.array(userId) }),
    z.object({ type: z.literal('removed'), userIds: z.array(userId) }),
    z.object({ type: z.literal('left'), newOwnerId: userId.optional() }),
    z.object({ type: z.literal('renamed'), title }),
    z.object({ type: z.literal('role'), userIds: z.array(userId), role }),
  ])
  .meta({
    id: 'SystemEntry',
    description: 'What happened to the group',
    example: { type: 'added', userIds: ['carol'] },
  });

export type SystemEntry = z.infer<typeof systemEntry>;

/** A change of a group that passes through the lane of the conversation. */
export const groupChange = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('add'), userIds: someUsers, history: visibleHistory.default('none') }),
    z.object({ type: z.literal('remove'), userId }),
    z.object({ type: z.literal('leave') }),
    z.object({ type: z.literal('rename'), title }),
    z.object({ type: z.literal('role'), userId, role }),
  ])
  .meta({ id: 'GroupChange', description: 'A change of a group', example: { type: 'rename', title: 'Dinner' } });

export type GroupChange = z.infer<typeof groupChange>;

/** `POST /api/groups`, and the payload of `create_group`. */
export const createGroupBody = z
  .object({
    title,
    userIds: z
      .array(userId)
      .max(1_000)
      .meta({ description: 'The other members', example: ['bob', 'carol'] }),
    changeId: changeId.optional(),
  })
  .meta({ id: 'CreateGroup', description: 'A new group; the user who creates it is its owner' });

/** Bodies of the routes that change a group. */
export const renameGroupBody = z.object({ title, changeId: changeId.optional() }).meta({ id: 'RenameGroup' });
export const addMembersBody = z
  .object({ userIds: someUsers, history: visibleHistory.default('none'), changeId: changeId.optional() })
  .meta({ id: 'AddMembers' });
export const setRoleBody = z.object({ role, changeId: changeId.optional() }).meta({ id: 'SetRole' });

/**
 * Entries of a group that a user may see: `fromSeq` to `toSeq`, both included. `toSeq` null: also all later entries. A
 * user who was removed and added again has several windows; entries between them stay hidden.
 */
export const window = z
  .object({
    fromSeq: z.int().positive().meta({ example: 1 }),
    toSeq: z.int().nonnegative().nullable().meta({ example: null }),
  })
  .meta({ id: 'Window', description: 'Entries of a group that the user may see; `toSeq` null: and all later ones' });

export type Window = z.infer<typeof window>;

/** A group as one of its members, or former members, sees it. */
export const groupOfMember = z
  .object({
    title,
    role: role.nullable().meta({ description: 'The own role; null after the user has left or was removed' }),
    memberCount: z.int().nonnegative().meta({ example: 3 }),
    windows: z.array(window).min(1).meta({ description: 'In order, without overlap' }),
  })
  .meta({ id: 'GroupOfMember', description: 'A group as a member, or former member, sees it' });

export type GroupOfMember = z.infer<typeof groupOfMember>;

/** `GET /api/groups/:conversationId` */
export const group = groupOfMember
  .extend({
    id: conversationId,
    kind: z.literal('group'),
    createdAt: z.iso.datetime().meta({ example: '2026-01-01T12:00:00.000Z' }),
    lastSeq: z.int().nonnegative().meta({ description: 'The last entry that the user may see', example: 42 }),
  })
  .meta({ id: 'Group', description: 'A group' });

export type Group = z.infer<typeof group>;

export const member = z
  .object({
    userId,
    role,
    joinedAt: z.iso.datetime().meta({ example: '2026-01-01T12:00:00.000Z' }),
    upToSeq: z.int().nonnegative().meta({ description: 'The read mark', example: 41 }),
    readAt: z.iso.datetime().nullable().meta({ example: null }),
  })
  .meta({ id: 'Member', description: 'A member of a group' });

/** `GET /api/groups/:conversationId/members`, in the order of user ids. */
export const membersPage = z
  .object({
    members: z.array(member),
    nextCursor: z.string().nullable().meta({ description: '`cursor` of the next page; null: last page' }),
  })
  .meta({ id: 'MembersPage', description: 'One page of the members of a group' });

export type Member = z.infer<typeof member>;
export type MembersPage = z.infer<typeof membersPage>;

/** Settings that a user has for one conversation, on all devices. */
export const conversationSettings = z
  .object({
    muted: z.boolean().meta({ description: 'Unread messages count in `mutedCount` instead of `count`' }),
    archived: z.boolean().meta({ description: 'Hidden from lists until the next message' }),
    markedUnread: z.boolean().meta({ description: 'Shown as unread; the read mark does not move back' }),
  })
  .meta({ id: 'ConversationSettings', example: { muted: true, archived: false, markedUnread: false } });

export type ConversationSettings = z.infer<typeof conversationSettings>;

/** `PATCH /api/conversations/:conversationId/settings`, and the payload of `set_conversation` without its id. */
export const settingsBody = conversationSettings
  .partial()
  .refine((settings) => Object.keys(settings).length > 0, 'give at least one setting')
  .meta({ id: 'ChangeSettings' });

/** `GET /api/blocks` */
export const blocksPage = z
  .object({ userIds: z.array(userId).meta({ description: 'Blocked users, in the order of ids' }) })
  .meta({ id: 'Blocks', description: 'The users that the user has blocked' });
