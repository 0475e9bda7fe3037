export { connectProblem, remedyOf } from './connect-problem.ts';
export {
  type ConversationStore,
  createConversationStore,
  type MembershipRequest,
  type Pair,
} from './conversation-store.ts';
export { createIndexConcurrently } from './create-index-concurrently.ts';
export { type Database, type DatabaseOptions, openDatabase } from './database.ts';
export { watchDatabase } from './database-watch.ts';
export { createDeadLetters } from './dead-letters.ts';
export { describeFault, isReadOnlyServer, isTooSlow, isTransientFault } from './faults.ts';
export type { FeedRequest } from './feed.ts';
export { createGroupReads } from './group-reads.ts';
export { createHistory, type HeadRequest, type HistoryStore, type SeqRange } from './history.ts';
export { createMemberAudit } from './member-audit.ts';
export { createMessageStore } from './message-store.ts';
export { migrateCommand, migrateSettings } from './migrate-command.ts';
export { MIGRATIONS, type Migration, type Migrations } from './migrations.ts';
export { MigrationBlocked, MigrationFailed, migrate, openForMigrations } from './migrator.ts';
export { openForCommand } from './open-for-command.ts';
export {
  type ConversationMarks,
  type ConversationState,
  createOperatorQueries,
  type OperatorQueries,
  type ServerFigures,
  type StoredMessage,
} from './operator-queries.ts';
export { TransactionPooling, usesTransactionPooling } from './pooler.ts';
export { type UnmetRequirement, unmetRequirements } from './requirements.ts';
export { schemaBirth } from './schema-birth.ts';
export { pendingMigrations, readSchemaState } from './schema-state.ts';
export { awaitSchema } from './schema-watch.ts';
export { SessionRefused } from './session-client.ts';
export { createSettings } from './settings.ts';
export { createStoreEpochs } from './store-epochs.ts';
export {
  createTokenRevocations,
  EVERYONE,
  type NewRevocation,
  type TokenRevocation,
  type TokenRevocations,
} from './token-revocations.ts';
export { createUnreadAudit } from './unread-audit.ts';
export { createUnreadCounts } from './unread-counts.ts';
export type { GroupRules } from './writes/conversation-state.ts';
export { createConversationWrites } from './writes/conversation-writes.ts';
export { MemberLists } from './writes/member-lists.ts';
