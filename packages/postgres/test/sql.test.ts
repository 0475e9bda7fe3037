import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ClientMessageId, SendEntry, UserId } from '@chat-cluster/contracts';
import { newConversationId, newMessageId } from '@chat-cluster/domain';
import {
  conversationsQuery,
  countDeadLetters,
  countersAfter,
  countersOf,
  countersOfUser,
  countRanges,
  type Database,
  directConversationQuery,
  dropDeadLetters,
  findDeadLetters,
  freshSends,
  heads,
  healCounters,
  keepDeadLetters,
  markRead,
  newestDeadLetters,
  openConversation,
  participantsQuery,
  ranges,
  recount,
  storeSends,
  summaries,
} from '@chat-cluster/postgres';
import { freshDatabase } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type Compilable, type RawBuilder, sql } from 'kysely';

/**
 * The SQL that really leaves for Postgres, one file per query in `packages/postgres/sql`: what a reviewer and a DBA
 * read. When a query is meant to change, `UPDATE_SQL=1 npm test` (or mocha on this file) writes the files anew.
 */
const folder = new URL('../sql/', import.meta.url);

type Query = Compilable | RawBuilder<unknown>;

/** `of` makes the query for `n` things at once, or for as much as it always is. */
const queries: Record<string, { what: string; readsNothing?: true; of(db: Database, n: number): Query }> = {
  'fresh-sends': {
    what: 'Stores a batch of sends, none of them a resend: seq, rows and counters in one statement.',
    of: (_db, n) => freshSends(Array.from({ length: n }, newSend)).statement,
  },
  'store-sends': {
    what: 'Stores a batch of sends where some may be resends: dedupe, seq, rows and counters in one statement.',
    of: (_db, n) => storeSends(Array.from({ length: n }, newSend)),
  },
  'mark-read': {
    what: 'Moves a batch of read marks forward, and counts what stays unread.',
    of: (_db, n) =>
      markRead(
        Array.from({ length: n }, (_, i) => ({
          conversationId: newConversationId(),
          userId: newUser(),
          upToSeq: i % 2 ? i : null,
        })),
      ),
  },
  'participants-of': {
    what: 'Who takes part in some conversations.',
    of: (db, n) => participantsQuery(db, Array.from({ length: n }, newConversationId)),
  },
  'open-conversation': {
    what: 'Makes the direct conversation of a pair, or finds it.',
    // Of a user with oneself, and of two.
    of: (_db, n) => openConversation(newConversationId(), 'alice' as UserId, n === 1 ? ('alice' as UserId) : newUser()),
  },
  'direct-conversation': {
    what: 'The direct conversation of two users, with its last seq and the read mark of each.',
    of: (db) => directConversationQuery(db, newUser(), newUser()),
  },
  heads: {
    what: 'Where some conversations end and how far each participant has read, for users who are in them.',
    of: (_db, n) => heads(Array.from({ length: n }, () => ({ userId: newUser(), id: newConversationId() }))),
  },
  ranges: {
    what: 'Runs of messages by seq, each message with its receiver.',
    of: (_db, n) => ranges(Array.from({ length: n }, (_, i) => ({ id: newConversationId(), fromSeq: 1, toSeq: i }))),
  },
  conversations: {
    what: 'A page of the conversations of a user, newest activity first.',
    of: (db, n) => conversationsQuery(db, newUser(), n, { updatedAt: 'infinity', id: newConversationId() }),
  },
  summaries: {
    what: 'The unread total of some users, with the newest conversations that have unread messages.',
    of: (_db, n) => summaries(Array.from({ length: n }, newUser)),
  },
  recount: {
    what: 'The unread total of some users, with the counts of those of some conversations that they are in.',
    of: (_db, n) => recount(Array.from({ length: n }, newUser), Array.from({ length: n }, newConversationId)),
  },
  'keep-dead-letters': {
    what: 'Keeps entries that could not be stored; one that is kept already hears the new reason.',
    readsNothing: true,
    of: (_db, n) =>
      keepDeadLetters(
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
    of: (db, n) => newestDeadLetters(db, n, { at: new Date(), id: newMessageId() }),
  },
  'find-dead-letters': {
    what: 'Some dead letters by id.',
    of: (db, n) => findDeadLetters(db, Array.from({ length: n }, newMessageId)),
  },
  'drop-dead-letters': {
    what: 'Forgets some dead letters.',
    of: (db, n) => dropDeadLetters(db, Array.from({ length: n }, newMessageId)),
  },
  'count-dead-letters': {
    what: 'How many dead letters there are, up to a bound.',
    of: (_db, n) => countDeadLetters(n),
  },
  'counters-after': {
    what: 'A slice of the unread counters, each with the end of its conversation.',
    of: (_db, n) => countersAfter(newKey(), n),
  },
  'counters-of-user': {
    what: 'A page of the unread counters of a user, each with the end of its conversation.',
    of: (_db, n) => countersOfUser(newUser(), newConversationId(), n),
  },
  'counters-of': {
    what: 'Some unread counters, each with the end of its conversation.',
    of: (_db, n) => countersOf(Array.from({ length: n }, newKey)),
  },
  'count-ranges': {
    what: 'How many messages of others there are in some runs of seq.',
    of: (_db, n) => countRanges(Array.from({ length: n }, (_, i) => ({ ...newKey(), fromSeq: 0, toSeq: i }))),
  },
  'heal-counters': {
    what: 'Sets unread counters right that are still what was read of them.',
    of: (_db, n) =>
      healCounters(
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

/** The query builder writes one line; for the file it is broken before each clause, and nothing else is changed. */
function laidOut(text: string): string {
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

/** How the node reads a table; undefined for a node that reads none. */
function accessOf(node: PlanNode): Access | undefined {
  const { 'Node Type': how, 'Relation Name': table } = node;
  if (table === undefined || how === 'ModifyTable') return undefined;
  // A bitmap scan reads the rows of the table that the index scans below it have found.
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

  it('has one file in packages/postgres/sql, and no other file is there', () => {
    if (process.env.UPDATE_SQL) return;
    const files = Object.keys(queries).map((name) => `${name}.sql`);
    expect(readdirSync(folder).sort()).to.deep.equal(files.sort());
  });

  for (const [name, { what, of }] of Object.entries(queries)) {
    it(`is the one committed: ${name}`, () => {
      const file = fileURLToPath(new URL(`${name}.sql`, folder));
      const text = `-- ${what}\n${laidOut(compiled(of(db, 2)))}\n`;
      if (process.env.UPDATE_SQL) writeFileSync(file, text);
      const hint = `${name}.sql is not what src compiles to; when the change is meant, run this test with UPDATE_SQL=1`;
      expect(readFileSync(file, 'utf8'), hint).to.equal(text);
    });

    it(`is the same text for one and for a hundred, so it is planned once: ${name}`, () => {
      expect(compiled(of(db, 1))).to.equal(compiled(of(db, 100)));
    });
  }

  // A plan is made in whatever state the tables are, and kept for the life of the connection.
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
            // A condition on a later column alone is a walk through all of the index.
            // Dead letters are few, and read by hand.
            if (table !== 'dead_letters') expect(condition, `${how} of ${index}`).to.include(leading.get(index));
            // Part of a key is not enough: messages are looked up within their conversation.
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

/** As the server plans it for openDatabase: prepared, and explained with values that a generic plan does not see. */
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

/** So many conversations, each of two of up to 1,000 users, with ten messages. */
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
    `insert into dead_letters (id, source, reason, entry) select id, 'store', 'why', '{}' from ${ids}`,
  ];
}
