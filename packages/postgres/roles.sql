-- Rights of the services' roles. `migrate.ts --roles` runs it after the migrations, as the role that migrates; it may run
-- again at any time. By hand, in one transaction, so that no service lacks a right in between:
--   psql --single-transaction "$DATABASE_URL" -f packages/postgres/roles.sql
-- The command also creates the roles if it has their passwords and may create roles. By hand:
--   create role chat_gateway login password '…';
--   create role chat_worker login password '…';
-- Only the role that migrates owns tables and may change them. No service may delete or change a message.

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

grant select on kysely_migration, conversations, direct_conversations, participants, messages
  to chat_gateway, chat_worker;

-- Gateway: opens conversations, adds and purges revocations of tokens, and renews the epoch after a restore; everything
-- else it only reads.
grant insert on conversations, direct_conversations, participants to chat_gateway;
grant select, insert, delete on token_revocations to chat_gateway;
grant update (issued_before, kept_ms, changed_at) on token_revocations to chat_gateway;
grant select, update (epoch, renewed_at, beats) on store_epoch to chat_gateway;

-- Worker: stores messages and read marks, and keeps dead letters. Also for the commands dead-letters, unread
-- and renew-epoch.
grant insert on messages to chat_worker;
grant update (last_seq, updated_at) on conversations to chat_worker;
grant update (last_read_seq, read_at, unread_count) on participants to chat_worker;
grant select, insert, delete on dead_letters to chat_worker;
grant update (source, reason, attempts) on dead_letters to chat_worker;
grant select, update (epoch, renewed_at) on store_epoch to chat_worker;
