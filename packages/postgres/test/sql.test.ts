/*
 * Longer than 250 lines on purpose: one table of all queries.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ClientMessageId, SendEntry, StoreEpoch, UserId } from '@chat-cluster/contracts';
import { newConversationId, newMessageId } from '@chat-cluster/domain';
import type { Database } from '@chat-cluster/postgres';
import { freshDatabase } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type Compilable, type RawBuilder, sql } from 'kysely';
import { conversationsQuery } from '../src/conversation-list.ts';
import {
  findConversationQuery,
  haveConversationsQuery,
  openConversationQuery,
  participantsQuery,
} from '../src/conversation-store.ts';
import {
  countDeadLettersQuery,
  dropDeadLettersQuery,
  findDeadLettersQuery,
  keepDeadLettersQuery,
  newestDeadLettersQuery,
} from '../src/dead-letters.ts';
import { feedsQuery } from '../src/feed.ts';
import { directConversationQuery, headsQuery, rangesQuery } from '../src/history.ts';
import { markReadQuery } from '../src/mark-read.ts';
import { storeCheckingResendsQuery } from '../src/store-checking-resends.ts';
import { countBeatQuery, epochQuery, renewEpochQuery } from '../src/store-epochs.ts';
import { storeFreshQuery } from '../src/store-fresh.ts';
import { addRevocationQuery, changedRevocationsQuery, purgeRevocationsQuery } from '../src/token-revocations.ts';
import {
  countersAfterQuery,
  countersOfQuery,
  countersOfUserQuery,
  countRangesQuery,
  healCountersQuery,
} from '../src/unread-audit.ts';
import { recountQuery, summariesQuery } from '../src/unread-counts.ts';

/**
 * The SQL that is sent to Postgres, one file per query in `packages/postgres/sql`, for reviewers and DBAs. After an
 * intended change of a query, `UPDATE_SQL=1 npm test -- packages/postgres/test/sql.test.ts` rewrites the files.
 */
const folder = new URL('../sql/', import.meta.url);

type Query = Compilable | RawBuilder<unknown>;

/** `of` builds the query for `n` items, if it takes a list. */
const queries: Record<string, { what: string; readsNothing?: true; of(db: Database, n: number): Query }> = {
  'store-fresh': {
    what: 'Stores a batch of sends, none of them a resend: seq, rows and counters in one statement.',
    of: (_db, n) => storeFreshQuery(Array.from({ length: n }, newSend)).statement,
  },
  'store-checking-resends': {
    what: 'Stores a batch of sends where some may be resends: dedupe, seq, rows and counters in one statement.',
    of: (_db, n) => storeCheckingResendsQuery(Array.from({ length: n }, newSend)),
  },
  'mark-read': {
    what: 'Moves a batch of read marks forward, and counts the remaining unread messages.',
    of: (_db, n) =>
      markReadQuery(
        Array.from({ length: n }, (_, i) => ({
          conversationId: newConversationId(),
          userId: newUser(),
          upToSeq: i % 2 ? i : null,
        })),
      ),
  },
  'participants-of': {
    what: 'Participants of some conversations.',
    of: (db, n) => participantsQuery(db, Array.from({ length: n }, newConversationId)),
  },
  'open-conversation': {
    what: 'Creates the direct conversation of a pair, or finds it.',
    // n = 1: of a user with oneself.
    of: (_db, n) =>
      openConversationQuery(newConversationId(), 'alice' as UserId, n === 1 ? ('alice' as UserId) : newUser()),
  },
  'find-conversation': {
    what: 'The direct conversation of a pair.',
    of: () => findConversationQuery(newUser(), newUser()),
  },
  'have-conversations': {
    what: 'Which of some pairs of users have a conversation.',
    of: (_db, n) => haveConversationsQuery(Array.from({ length: n }, () => [newUser(), newUser()] as const)),
  },
  'direct-conversation': {
    what: 'The direct conversation of two users, with its last seq and the read mark of each.',
    of: () => directConversationQuery(newUser(), newUser()),
  },
  heads: {
    what: 'Last seq and read marks of some conversations, for users who are in them.',
    of: (_db, n) => headsQuery(Array.from({ length: n }, () => ({ userId: newUser(), id: newConversationId() }))),
  },
  ranges: {
    what: 'Ranges of messages by seq, each message with its receiver.',
    of: (_db, n) =>
      rangesQuery(Array.from({ length: n }, (_, i) => ({ id: newConversationId(), fromSeq: 1, toSeq: i }))),
  },
  conversations: {
    what: 'A page of the conversations of a user, newest activity first.',
    of: (_db, n) => conversationsQuery(newUser(), n, { updatedAt: 'infinity', id: newConversationId() }),
  },
  feeds: {
    what: 'The conversations of some users with activity after a position, oldest activity first.',
    of: (_db, n) =>
      feedsQuery(
        Array.from({ length: n }, (_, i) => ({
          userId: newUser(),
          after: i % 2 ? undefined : { activityAt: 0, id: newConversationId() },
          limit: n,
        })),
      ),
  },
  summaries: {
    what: 'The unread total of some users, with the newest conversations that have unread messages.',
    of: (_db, n) => summariesQuery(Array.from({ length: n }, newUser)),
  },
  recount: {
    what: 'The unread total of some users, with their counts in some conversations.',
    of: (_db, n) => recountQuery(Array.from({ length: n }, newUser), Array.from({ length: n }, newConversationId)),
  },
  'keep-dead-letters': {
    what: 'Keeps entries that could not be stored; a letter that exists gets the new reason.',
    readsNothing: true,
    of: (_db, n) =>
      keepDeadLettersQuery(
        Array.from({ length: n }, () => ({
          id: newMessageId(),
          source: 'store' as const,
          reason: '22021',
          attempts: 1,
          entry: '{}',
        })),
      ),
  },
  'newest-dead-letters': {
    what: 'A page of the dead letters, newest first.',
    of: (db, n) => newestDeadLettersQuery(db, n, { at: new Date(), id: newMessageId() }),
  },
  'find-dead-letters': {
    what: 'Some dead letters by id.',
    of: (db, n) => findDeadLettersQuery(db, Array.from({ length: n }, newMessageId)),
  },
  'drop-dead-letters': {
    what: 'Deletes some dead letters.',
    of: (db, n) => dropDeadLettersQuery(db, Array.from({ length: n }, newMessageId)),
  },
  'count-dead-letters': {
    what: 'Number of dead letters, up to a bound.',
    of: (_db, n) => countDeadLettersQuery(n),
  },
  'add-revocation': {
    what: 'Revokes tokens: of a subject the later time is valid, for the longer of two durations.',
    readsNothing: true,
    of: () => addRevocationQuery({ kind: 'user', subject: newUser(), issuedBefore: new Date(), keptMs: 60_000 }),
  },
  'changed-revocations': {
    what: 'Revocations in force that changed since a time.',
    of: (db) => changedRevocationsQuery(db, new Date()),
  },
  'purge-revocations': {
    what: 'Deletes the revocations that have ended.',
    of: () => purgeRevocationsQuery(),
  },
  'count-beat': {
    what: 'Counts a beat, which shows a later restore to an earlier state.',
    of: () => countBeatQuery(),
  },
  epoch: {
    what: 'The epoch of the store.',
    of: () => epochQuery(),
  },
  'renew-epoch': {
    what: 'Replaces the epoch of the store, unless it has been replaced already.',
    of: () => renewEpochQuery(newConversationId() as string as StoreEpoch),
  },
  'counters-after': {
    what: 'A slice of the unread counters, each with the last seq of its conversation.',
    of: (_db, n) => countersAfterQuery(newKey(), n),
  },
  'counters-of-user': {
    what: 'A page of the unread counters of a user, each with the last seq of its conversation.',
    of: (_db, n) => countersOfUserQuery(newUser(), newConversationId(), n),
  },
  'counters-of': {
    what: 'Some unread counters, each with the last seq of its conversation.',
    of: (_db, n) => countersOfQuery(Array.from({ length: n }, newKey)),
  },
  'count-ranges': {
    what: 'Number of messages of other users in some ranges of seq.',
    of: (_db, n) => countRangesQuery(Array.from({ length: n }, (_, i) => ({ ...newKey(), fromSeq: 0, toSeq: i }))),
  },
  'heal-counters': {
    what: 'Corrects unread counters that have not changed since they were read.',
    of: (_db, n) =>
      healCountersQuery(
        Array.from({ length: n }, (_, i) => ({ ...newKey(), lastReadSeq: 0, lastSeq: 9, unreadCount: i, truth: 9 })),
      ),
  },
};

function newUser(): UserId {
  return newMessageId() as string as UserId;
}

function newKey() {
  return { conversationId: newConversationId(), userId: newUser() };
}

function newSend(_: unknown, i: number): SendEntry {
  return {
    kind: 'send',
    id: newMessageId(),
    conversationId: newConversationId(),
    senderId: newUser(),
    receiverId: newUser(),
    clientMessageId: newMessageId() as string as ClientMessageId,
    content: i % 2 ? null : 'hello',
    attachments: i % 3 ? [{ url: 'https://files.example.com/a.png', type: 'IMAGE' }] : [],
  };
}

/** Breaks the single line of the query builder before each clause, without other changes. */
function format(text: string): string {
  if (text.trim().includes('\n')) return text.trim();
  return text
    .replace(/ (?=(from|inner join|left join|where|group by|order by|limit) )/g, '\n')
    .replace(/ and /g, '\n  and ');
}

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Index Cond'?: string;
  Plans?: PlanNode[];
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

interface Access {
  table: string;
  how: string;
  index: string | undefined;
  condition: string | undefined;
}

/** How the node reads a table; undefined if it reads none. */
function accessOf(node: PlanNode): Access | undefined {
  const { 'Node Type': how, 'Relation Name': table } = node;
  if (table === undefined || how === 'ModifyTable') return undefined;
  // A bitmap scan reads the rows that the index scans below it have found.
  const scan = nodesOf(node).find((child) => child['Index Cond'] !== undefined);
  return { table, how, index: scan?.['Index Name'], condition: scan?.['Index Cond'] };
}

describe('the SQL of each query', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let db: Database;
  let leading: Map<string, string>;

  before(async () => {
    database = await freshDatabase();
    db = database.db;
    leading = await leadingColumns(db);
  });
  after(() => database.drop());

  const compiled = (query: Query) => query.compile(db).sql;

  it('has one file in packages/postgres/sql, without other files', () => {
    if (process.env.UPDATE_SQL) return;
    const files = Object.keys(queries).map((name) => `${name}.sql`);
    expect(readdirSync(folder).sort()).to.deep.equal(files.sort());
  });

  for (const [name, { what, of }] of Object.entries(queries)) {
    it(`is the committed text: ${name}`, () => {
      const file = fileURLToPath(new URL(`${name}.sql`, folder));
      const text = `-- ${what}\n${format(compiled(of(db, 2)))}\n`;
      if (process.env.UPDATE_SQL) writeFileSync(file, text);
      const hint = `${name}.sql differs from the compiled query; if the change is intended, run this test with UPDATE_SQL=1`;
      expect(readFileSync(file, 'utf8'), hint).to.equal(text);
    });

    // A new column would change the rows of a prepared statement, which then fails until its connection ends.
    it(`lists its columns: ${name}`, () => {
      expect(compiled(of(db, 1)).replaceAll('count(*)', '')).to.not.include('*');
    });

    it(`is the same text for 1 and 100 items, so it is planned once: ${name}`, () => {
      expect(compiled(of(db, 1))).to.equal(compiled(of(db, 100)));
    });
  }

  // A plan is made in any state of the tables, and kept as long as the connection lives.
  for (const [state, statements] of [
    ['new', []],
    ['analysed while empty', ['analyze']],
    ['small', [...rows(2), 'analyze']],
    ['large', [...rows(2_000), 'analyze']],
  ] as const) {
    describe(`planned when the tables are ${state}`, () => {
      before(async () => {
        for (const statement of statements) await sql.raw(statement).execute(db);
      });

      for (const [name, { of, readsNothing }] of Object.entries(queries)) {
        it(`finds its rows by an index in every table: ${name}`, async () => {
          const accesses = (await planOf(db, of(db, 2))).map(accessOf).filter((access) => access !== undefined);
          if (!readsNothing) expect(accesses).to.not.have.length(0);
          for (const { table, how, index = '', condition } of accesses) {
            expect(how, table).to.be.oneOf(['Index Scan', 'Index Only Scan', 'Bitmap Heap Scan']);
            // A condition on a later column alone scans the whole index. Dead letters are rare and read by hand.
            if (table !== 'dead_letters') expect(condition, `${how} of ${index}`).to.include(leading.get(index));
            // Messages are always looked up within their conversation.
            if (table === 'messages') expect(condition).to.include('conversation_id =');
          }
        });
      }
    });
  }
});

/** The first column of each index, by its name. */
async function leadingColumns(db: Database): Promise<Map<string, string>> {
  const { rows } = await sql<{ name: string; column: string }>`
    select c.relname as name, a.attname as column
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]`.execute(db);
  return new Map(rows.map(({ name, column }) => [name, column]));
}

/** The plan that the server makes for openDatabase: of a prepared statement; a generic plan ignores the values. */
async function planOf(db: Database, query: Query): Promise<PlanNode[]> {
  const { sql: text, parameters } = query.compile(db);
  return db.connection().execute(async (connection) => {
    const run = <T>(statement: string) => sql.raw<T>(statement).execute(connection);
    await run(`prepare examined as ${text}`);
    const values = parameters.length > 0 ? `(${parameters.map(() => 'null').join(', ')})` : '';
    const { rows } = await run<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(
      `explain (format json) execute examined${values}`,
    );
    await run('deallocate examined');
    const [plan] = rows[0]?.['QUERY PLAN'] ?? [];
    return plan ? nodesOf(plan.Plan) : [];
  });
}

/** Statements that insert this many conversations, each of two of up to 1,000 users, with ten messages. */
function rows(conversations: number): string[] {
  const ids = `(select 'conversation-' || c as name, md5(${conversations} || '-' || c)::uuid as id, c % 1000 as who
    from generate_series(1, ${conversations}) c)`;
  return [
    `insert into conversations (id, last_seq) select id, 10 from ${ids}`,
    `insert into direct_conversations select 'a' || name, 'b' || ${conversations} || name, id from ${ids}`,
    `insert into participants (conversation_id, user_id)
      select id, 'user-' || (who + side) % 1000 from ${ids}, generate_series(0, 1) side`,
    `insert into messages (conversation_id, seq, id, sender_id, client_message_id, content)
      select id, seq, gen_random_uuid(), 'user-' || who, seq, 'hello' from ${ids}, generate_series(1, 10) seq`,
    `insert into token_revocations select 'user', name, now() from ${ids} on conflict do nothing`,
    `insert into dead_letters (id, source, reason, entry) select id, 'store', 'why', '{}' from ${ids}`,
  ];
}
