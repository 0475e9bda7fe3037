import { randomUUID } from 'node:crypto';
import type { ConversationId } from '@chat-cluster/contracts';
import type { DirtyBadge } from '@chat-cluster/domain';
import { CLUSTER_NAME, type RedisClient } from '@chat-cluster/redis';
import { every } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';
import type { RecountNote } from '../lane-stream.ts';
import type { LaneServer } from '../lanes.ts';

/**
 * The set of groups with new messages on a server. A message of a group does not add a badge per member to the dirty
 * sets: it adds one member here, in the step that deletes its batch. Every GROUP_BADGES_MS one worker passes the groups
 * to `badgesOf`, which finds the connected members, and requests their recounts. So a user gets at most four badges per
 * second from groups, however many messages they have.
 *
 * A member of the set is a conversation id and a random text, so that it can be removed after the request of its
 * recounts: a message that is committed meanwhile has another member.
 */
const GROUPS = `${CLUSTER_NAME}:dirty-groups`;
const TURN = `${CLUSTER_NAME}:dirty-groups:turn`;

/** Time between two recounts of the members of groups, in ms. */
const GROUP_BADGES_MS = 250;
/** Groups of one round. The others follow in the next one. */
const MAX_GROUPS = 1_000;

/** What adds groups to the set, in the script that deletes a batch. */
export function groupNote(conversationIds: readonly ConversationId[]): RecountNote {
  const token = randomUUID();
  return { set: GROUPS, stream: '', members: [...new Set(conversationIds)].map((id) => id + token) };
}

export interface GroupBadgesOptions {
  servers: readonly LaneServer[];
  /** The badges of the connected members of these groups. */
  badgesOf(conversationIds: readonly ConversationId[]): Promise<readonly DirtyBadge[]>;
  request(badges: readonly DirtyBadge[]): Promise<void>;
  onFailure(error: unknown): void;
}

/** Recounts the members of groups with new messages, regularly, on one worker at a time. */
export function recountGroups(options: GroupBadgesOptions): { stop(): Promise<void> } {
  const rounds = options.servers.map(({ client }) =>
    every(GROUP_BADGES_MS / 2, () => (client.isReady ? recountOnce(client, options) : undefined), options.onFailure),
  );
  return { stop: async () => void (await Promise.all(rounds.map((round) => round.stop()))) };
}

/**
 * KEYS: turn, set. ARGV: ms, maximum number of members. Returns members of the set, or none when it is empty, or when a
 * worker has returned some less than that time ago. A round that takes longer may overlap the next one: both are right.
 */
const TAKE = `
if redis.call('EXISTS', KEYS[2]) == 0 then return {} end
if not redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[1]) then return {} end
return redis.call('SRANDMEMBER', KEYS[2], ARGV[2])`;

async function recountOnce(client: RedisClient, { badgesOf, request }: GroupBadgesOptions): Promise<void> {
  const taken = await client.eval(TAKE, {
    keys: [TURN, GROUPS],
    arguments: [String(GROUP_BADGES_MS), String(MAX_GROUPS)],
  });
  const members = (taken as unknown[]).map(String);
  if (members.length === 0) return;
  const ids = [...new Set(members.map((member) => member.slice(0, 36) as ConversationId))];
  const badges = await badgesOf(ids);
  if (badges.length > 0) await request(badges);
  await client.sRem(GROUPS, members);
  requests.inc(members.length);
  recounts.inc(ids.length);
  requested.inc(badges.length);
}

const requests = new Counter({
  name: 'chat_group_recount_requests_total',
  help: 'Requests to recount the members of a group: one for each stored run with messages of the group',
});
const recounts = new Counter({
  name: 'chat_group_recounts_total',
  help: 'Recounts of the members of a group; each covers all requests since the last one',
});
const requested = new Counter({
  name: 'chat_group_badges_total',
  help: 'Badges of connected members of groups that were requested by these recounts',
});
