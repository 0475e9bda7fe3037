-- Rights of the services' roles. `migrate.ts --roles` runs it after the migrations, as the role that migrates; it may run
-- again at any time. By hand, in one transaction, so that no service lacks a right in between:
--   psql --single-transaction "$DATABASE_URL" -f packages/postgres/roles.sql
-- The command also creates the roles if it has their passwords and may create roles. By hand:
--   create role chat_gateway login password '…';
--   create role chat_worker login password '…';
-- Only the role that migrates owns tables and may change them. No service may delete the row of a message.

do $$
begin
  execute format('revoke all on database %I from public', current_database());
  execute format('grant connect on database %I to chat_gateway, chat_worker', current_database());
end
$$;
revoke create on schema public from public;
grant usage on schema public to chat_gateway, chat_worker;

-- Starts from nothing, so that only the rights listed below remain.
revoke all on all tables in schema public from public, chat_gateway, chat_worker;

grant select on kysely_migration, conversations, direct_conversations, participants, messages, members, memberships,
  user_groups, deletions, all_mentions, message_versions, reactions, blocks
  to chat_gateway, chat_worker;

-- Gateway: opens conversations, adds and purges revocations of tokens, and renews the epoch after a restore; everything
-- else it only reads.
grant insert on conversations, direct_conversations, participants to chat_gateway;
-- Settings of users and delivered marks.
grant update (muted, archived_seq, marked_unread, delivered_seq) on participants to chat_gateway;
grant update (muted, archived_counted, marked_unread, delivered_seq) on members to chat_gateway;
grant insert on user_groups to chat_gateway;
grant insert, delete on blocks to chat_gateway;
grant select, insert, delete on token_revocations to chat_gateway;
grant update (issued_before, kept_ms, changed_at) on token_revocations to chat_gateway;
grant select, update (epoch, renewed_at, beats) on store_epoch to chat_gateway;

-- Worker: stores messages and read marks, keeps dead letters, and revokes tokens for the cluster view. Also for the
-- commands dead-letters, unread and renew-epoch.
grant insert on messages to chat_worker;
grant update (content, attachments, extra, reactions, rev, edited_at, deleted_at, deleted_by) on messages to chat_worker;
grant insert on conversations, members, memberships, user_groups, deletions, all_mentions, message_versions, reactions
  to chat_worker;
grant update (
  last_seq, updated_at, title, counted, member_count, members_seq, has_room, last_rev, changed_at, last_deletion_seq, last_all_seq
) on conversations to chat_worker;
grant update (
  role, joined_at, left_at, left_title, left_count, last_read_seq, read_counted, own_after, mention_count, read_at,
  delivered_seq, archived_counted, marked_unread
) on members to chat_worker;
grant update (to_seq) on memberships to chat_worker;
grant update (groups) on user_groups to chat_worker;
grant update (content) on message_versions to chat_worker;
grant delete on memberships, all_mentions, reactions to chat_worker;
grant update (last_read_seq, read_at, unread_count, marked_unread) on participants to chat_worker;
grant select, insert, delete on dead_letters to chat_worker;
grant update (source, reason, attempts) on dead_letters to chat_worker;
grant select, insert on token_revocations to chat_worker;
grant update (issued_before, kept_ms, changed_at) on token_revocations to chat_worker;
grant select, update (epoch, renewed_at) on store_epoch to chat_worker;
