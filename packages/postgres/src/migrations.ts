import type { Kysely } from 'kysely';
import * as conversationsAndMessages from './migrations/001-conversations-and-messages.ts';
import * as deadLetters from './migrations/002-dead-letters.ts';
import * as tokenRevocations from './migrations/003-token-revocations.ts';
import * as revocationEnd from './migrations/004-revocation-end.ts';
import * as storeEpoch from './migrations/005-store-epoch.ts';
import * as keysByBytes from './migrations/006-keys-by-bytes.ts';
import * as messageIds from './migrations/007-message-ids.ts';
import * as groups from './migrations/008-groups.ts';
import * as conversationGroups from './migrations/009-conversation-groups.ts';
import * as messageChanges from './migrations/010-message-changes.ts';
import * as participantSettings from './migrations/011-participant-settings.ts';
import * as changedMessages from './migrations/012-changed-messages.ts';
import * as replyQuotes from './migrations/013-reply-quotes.ts';
import * as formerMembers from './migrations/014-former-members.ts';

/** One step of the schema. CONTRIBUTING.md lists what an expand and a contract may do. */
export interface Migration {
  up(db: Kysely<unknown>): Promise<void>;
  /**
   * Default: an expand, which runs while the previous version serves. A contract removes what earlier versions need. It
   * runs when the operator passes `--contract`, after the last process of an earlier version has ended.
   */
  phase?: 'contract';
  /**
   * Default: one short transaction. False: each statement of `up` commits on its own, so that it can build an index
   * concurrently or change rows in batches. After a failure it runs again from its beginning, so it must be repeatable.
   */
  transaction?: false;
}

/** Migrations by name. They run in the order of their names. */
export type Migrations = Readonly<Record<string, Migration>>;

/** Migrations of this version. */
export const MIGRATIONS: Migrations = {
  '001-conversations-and-messages': conversationsAndMessages,
  '002-dead-letters': deadLetters,
  '003-token-revocations': tokenRevocations,
  '004-revocation-end': revocationEnd,
  '005-store-epoch': storeEpoch,
  '006-keys-by-bytes': keysByBytes,
  '007-message-ids': messageIds,
  '008-groups': groups,
  '009-conversation-groups': conversationGroups,
  '010-message-changes': messageChanges,
  '011-participant-settings': participantSettings,
  '012-changed-messages': changedMessages,
  '013-reply-quotes': replyQuotes,
  '014-former-members': formerMembers,
};
