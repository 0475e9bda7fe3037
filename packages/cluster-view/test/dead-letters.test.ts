import type { ActionResult, ClientMessageId, ConversationId, DeadLetterPage, UserId } from '@chat-cluster/contracts';
import { deadLetterOf, newMessageId } from '@chat-cluster/domain';
import { createDeadLetters, type Database, openDatabase } from '@chat-cluster/postgres';
import { eventually, newUser, openConversation, startTestCluster, type TestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { ADMIN_TOKEN, viewClient, workerUrl } from './view-client.ts';

const SECRET = 'meet-me-at-nine';

describe('the dead letters of the cluster view', () => {
  let cluster: TestCluster;
  let view: ReturnType<typeof viewClient>;
  let db: Database;

  before(async () => {
    cluster = await startTestCluster({ gatewayProcesses: 1, env: { ADMIN_TOKEN } });
    view = viewClient(workerUrl(cluster));
    db = openDatabase({ url: cluster.databaseUrl, poolSize: 1, applicationName: 'test', onError: () => {} });
  });
  beforeEach(() => db.deleteFrom('dead_letters').execute());
  after(async () => {
    await db?.destroy();
    await cluster?.stop();
  });

  const list = (cursor?: string) => view.get<DeadLetterPage>(`dead-letters${cursor ? `?cursor=${cursor}` : ''}`);

  async function keepSend(content: string = SECRET) {
    const [senderId, receiverId] = [newUser('a') as UserId, newUser('b') as UserId];
    const conversationId = (await openConversation(cluster, senderId, receiverId)) as ConversationId;
    const id = newMessageId();
    const clientMessageId = id as string as ClientMessageId;
    const ids = { kind: 'send', id, conversationId, senderId, receiverId, clientMessageId } as const;
    const letter = deadLetterOf({ ...ids, content, attachments: [] }, { source: 'store', reason: '22021' });
    await createDeadLetters(db).keep([letter]);
    return {
      ...ids,
      stored: () => db.selectFrom('messages').select('id').where('conversation_id', '=', conversationId),
    };
  }

  it('are listed without content', async () => {
    const { id, conversationId, senderId, clientMessageId } = await keepSend();
    const page = await list();
    expect(page).to.deep.include({ total: 1, nextCursor: null });
    const [letter] = page.letters;
    expect(letter).to.include({ id, kind: 'send', conversationId, userId: senderId, clientMessageId, reason: '22021' });
    expect(letter?.lane).to.match(/^inbox-[0-3]$/);
    expect(letter?.at).to.be.closeTo(Date.now(), 60_000);
    expect(JSON.stringify(page)).not.to.include(SECRET);
  });

  it('are listed in pages, newest first, also those that are no entry', async () => {
    const letters = createDeadLetters(db);
    for (let i = 0; i < 52; i++)
      await letters.keep([deadLetterOf(`${SECRET} ${i}`, { source: 'lane', reason: `${i}` })]);
    const first = await list();
    expect(first.total).to.equal(52);
    const second = await list(first.nextCursor ?? '');
    expect(second.nextCursor).to.equal(null);
    const all = [...first.letters, ...second.letters];
    expect(all).to.have.length(52);
    expect(new Set(all.map(({ id }) => id)).size).to.equal(52);
    expect(all.map(({ at }) => at)).to.deep.equal(all.map(({ at }) => at).sort((a, b) => b - a));
    for (const letter of all) expect(letter).to.include({ kind: 'unreadable' }).and.not.have.any.keys('lane', 'userId');
    expect(JSON.stringify(all)).not.to.include(SECRET);
  });

  it('are replayed: those that are stored then are dropped, the others have a reason', async () => {
    const good = await keepSend();
    const poison = await keepSend('\u0000');
    const unknown = newMessageId();
    const result = await view.post<ActionResult>('dead-letters/replay', { ids: [good.id, poison.id, unknown] });
    expect(result.done).to.equal('1 dead letter was replayed.');
    expect(result.failed?.map(({ id }) => id)).to.deep.equal([poison.id, unknown]);
    expect(result.failed?.[0]?.reason).to.match(/^REJECTED: /);
    expect(result.failed?.[1]?.reason).to.equal('there is no such dead letter');
    expect(await good.stored().execute()).to.have.length(1);
    await eventually(async () => expect((await list()).letters.map(({ id }) => id)).to.deep.equal([poison.id]));
  });

  it('are dropped', async () => {
    const [one, other] = [await keepSend(), await keepSend()];
    const unknown = newMessageId();
    const result = await view.post<ActionResult>('dead-letters/drop', { ids: [one.id.toUpperCase(), one.id, unknown] });
    expect(result).to.deep.equal({
      done: '1 dead letter was dropped.',
      failed: [{ id: unknown, reason: 'there is no such dead letter' }],
    });
    expect((await list()).letters.map(({ id }) => id)).to.deep.equal([other.id]);
    expect(await one.stored().execute()).to.have.length(0);
  });
});
