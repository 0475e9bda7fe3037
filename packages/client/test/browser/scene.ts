import {
  eventually,
  type FaultProxy,
  type NetworkFault,
  queryPostgres,
  type TestCluster,
  tokenFor,
} from '@chat-cluster/testkit';
import type { TestBrowser } from '@chat-cluster/testkit/browser';
import { expect } from 'chai';
import { type ChatClient, createChatClient } from '../../src/index.ts';
import type { PageServer } from './page-server.ts';
import { settled, shownIn, type Tab, tabOf } from './tab.ts';

export interface SceneParts {
  cluster: TestCluster;
  pages: PageServer;
  browser: TestBrowser;
  network: FaultProxy;
  alice: string;
  bob: string;
  conversationId: string;
}

/** What Chromium writes to the console about a lost connection. */
const NETWORK_PROBLEM = /net::ERR_|^WebSocket connection to /;

/** Alice in tabs of a browser behind a network with faults, and two devices of Bob without. */
export class Scene implements AsyncDisposable {
  readonly conversationId: string;
  readonly pages: Pick<PageServer, 'awayFrom'>;
  readonly alice: string;
  readonly bob: { chat: ChatClient; received: (string | null)[] }[];
  /** Connections of Alice were broken: Chromium writes that to the console. */
  hadFaults = false;
  #parts: SceneParts;
  #tabs: Tab[] = [];

  constructor(parts: SceneParts) {
    const { cluster, bob, conversationId } = parts;
    this.#parts = parts;
    this.conversationId = conversationId;
    this.pages = parts.pages;
    this.alice = parts.alice;
    this.bob = [1, 2].map(() => {
      const chat = createChatClient({ url: cluster.url, getToken: () => tokenFor(cluster, bob) });
      const received: (string | null)[] = [];
      chat.on('message', ({ content }) => received.push(content));
      chat.connect();
      return { chat, received };
    });
  }

  /** Opens a tab of Alice in front of the others. */
  async openTab(...more: 'without-locks'[]): Promise<Tab> {
    const { pages, browser, network, alice } = this.#parts;
    const tab = tabOf(await browser.openTab(pages.urlOf(alice, `http://127.0.0.1:${network.port}`, more)));
    this.#tabs.push(tab);
    return tab;
  }

  /** The tab is closed, or has crashed: nothing is expected of it. */
  forget(tab: Tab): void {
    this.#tabs.splice(this.#tabs.indexOf(tab), 1);
  }

  /** Changes the network of Alice. */
  network(fault: NetworkFault): void {
    this.hadFaults ||= fault.kind !== 'pass' && fault.kind !== 'delay';
    this.#parts.network.set(fault);
  }

  async sendAsBob(texts: readonly string[]): Promise<void> {
    const conversation = this.bob[0]?.chat.conversation(this.conversationId);
    await Promise.all(texts.map((text) => conversation?.send(text).stored));
  }

  /** Texts of the conversation in the database, in their order. */
  async stored(): Promise<string[]> {
    return (await this.#messages()).map(({ content }) => String(content));
  }

  /**
   * Waits until everything is sent, and compares the database with what each device shows: every message once, in the
   * order of each sender; the badge; nothing left in the outbox.
   */
  async expectAllStored(sent: { alice: readonly string[]; bob?: readonly string[] }): Promise<void> {
    const { alice, bob } = this.#parts;
    await Promise.all(this.#tabs.map(settled));
    const messages = await this.#messages();
    const textsOf = (user: string) => messages.filter(({ sender_id }) => sender_id === user).map((row) => row.content);
    expect(textsOf(alice), 'messages of Alice').to.deep.equal(sent.alice);
    expect(textsOf(bob), 'messages of Bob').to.deep.equal(sent.bob ?? []);
    const texts = messages.map(({ content }) => content);
    for (const { chat, received } of this.bob) {
      await eventually(() => expect(received).to.deep.equal(texts));
      await eventually(async () => expect(chat.badge).to.equal(await this.#unread(bob)));
    }
    for (const tab of this.#tabs) await this.#expectShown(tab, texts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.bob.map(({ chat }) => chat.close()));
    await Promise.all(this.#tabs.map(({ page }) => page.close()));
    await this.#parts.network[Symbol.asyncDispose]();
  }

  async #expectShown(tab: Tab, texts: readonly unknown[]): Promise<void> {
    await eventually(async () => {
      const { received: _, ...shown } = await shownIn(tab, this.conversationId);
      const badge = await this.#unread(this.#parts.alice);
      expect(shown).to.deep.equal({ state: 'live', badge, texts, outbox: [], kept: [], errors: [] });
    });
    const { received } = await shownIn(tab, this.conversationId);
    expect(received, 'emitted in the order of the conversation, each once').to.deep.equal(
      texts.filter((text) => received.includes(text as string)),
    );
    const problems = tab.problems.filter((problem) => !(this.hadFaults && NETWORK_PROBLEM.test(problem)));
    expect(problems, 'on the console').to.deep.equal([]);
  }

  #messages(): Promise<Record<string, unknown>[]> {
    return this.#query('select sender_id, content from messages where conversation_id = $1 order by seq');
  }

  /** Unread messages of a user. Fails while the counter of the cluster has another number than the messages. */
  async #unread(user: string): Promise<number> {
    const [row] = await this.#query(
      `select unread_count, (select count(*)::int from messages m where m.conversation_id = p.conversation_id
         and m.sender_id <> p.user_id and m.seq > p.last_read_seq) as unread
       from participants p where conversation_id = $1 and user_id = $2`,
      [user],
    );
    expect(row?.unread_count, `unread counter of ${user}`).to.equal(row?.unread);
    return row?.unread as number;
  }

  #query(statement: string, more: readonly string[] = []): Promise<Record<string, unknown>[]> {
    return queryPostgres(this.#parts.cluster.databaseUrl, statement, [this.conversationId, ...more]);
  }
}
