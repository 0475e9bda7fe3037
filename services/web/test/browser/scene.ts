import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ChatClient, createChatClient } from '@chat-cluster/client';
import { type GroupChatClient, groups } from '@chat-cluster/client/groups';
import { repository, signFreshToken } from '@chat-cluster/local-cluster';
import { openConversation, tokenFor } from '@chat-cluster/testkit';
import type { BrowserContextOptions, Page } from '@chat-cluster/testkit/browser';
import { expect } from 'chai';
import { ClusterTab } from './cluster-tab.ts';
import { Device } from './device.ts';
import { Pane } from './pane.ts';
import type { Stage } from './stage.ts';

/** Where pictures of the pages are kept. */
const PICTURES = join(repository, '.local/browser-tests');

/** One test: two new users, their devices in the browser, and clients without one. */
export class Scene {
  readonly stage: Stage;
  readonly alice: string;
  readonly bob: string;
  #devices: Device[] = [];
  #clients: ChatClient[] = [];

  constructor(stage: Stage, { alice, bob }: { alice: string; bob: string }) {
    this.stage = stage;
    this.alice = alice;
    this.bob = bob;
  }

  /** Runs the test. A failure names pictures of the pages as they were. */
  async play(title: string, run: (scene: this) => Promise<void>): Promise<void> {
    try {
      await run(this);
    } catch (error) {
      const taken = await Promise.all(this.#devices.map((device, index) => device.picture(fileOf(title, index))));
      process.stderr.write(`pictures of the failure: ${taken.flat().join(', ')}\n`);
      throw error;
    } finally {
      this.stage.hosted.network.set({ kind: 'pass' });
      this.stage.hosted.config = {};
      this.stage.hosted.token = () => null;
      await Promise.all([...this.#clients.map((client) => client.close()), ...this.#devices.map((one) => one.close())]);
    }
    expect(
      this.#devices.flatMap((device) => device.problems),
      'reported by the pages',
    ).to.deep.equal([]);
  }

  async device(options: BrowserContextOptions = {}): Promise<Device> {
    const device = new Device(
      await this.stage.browser.openDevice({ viewport: { width: 1280, height: 800 }, ...options }),
    );
    this.#devices.push(device);
    return device;
  }

  /** The chat page of local mode. `single`: only the pane of the first user is shown. */
  async openPanes(device: Device, users: readonly [string, string] = [this.alice, this.bob], single?: 0) {
    await device.keep('chat-local', JSON.stringify({ users, single }));
    const page = await device.open(this.stage.cluster.url);
    return { page, first: Pane.ofUser(page, users[0]), second: Pane.ofUser(page, users[1]) };
  }

  /** The chat page of local mode with the pane of Alice alone. */
  async openPane(device?: Device): Promise<Pane> {
    const users = [this.alice, `neighbour-of-${this.alice}`] as const;
    const { first } = await this.openPanes(device ?? (await this.device()), users, 0);
    return first;
  }

  /** The chat page outside of local mode, for a user who is signed in on its site. `prepare` gets the page before. */
  async openHosted(device: Device, user: string, prepare?: (page: Page) => void, lifetimeS?: number): Promise<Pane> {
    const { hosted } = this.stage;
    hosted.config = { tokenUrl: '/token' };
    this.signIn(user, lifetimeS);
    const page = await device.open(hosted.url, prepare);
    return new Pane(page, 'Chat');
  }

  /** The user signs in on the site, with tokens of this lifetime. */
  signIn(user: string, lifetimeS = 3_600): void {
    this.stage.hosted.token = () => signFreshToken(user, this.stage.cluster.jwtSecret, lifetimeS);
  }

  /** The database refuses messages that contain this text, until it is disposed of. */
  async refuseMessages(text: string): Promise<AsyncDisposable> {
    const name = 'refused_by_a_test';
    await this.stage.query(
      `alter table messages add constraint ${name} check (position('${text}' in content) = 0) not valid`,
    );
    return {
      [Symbol.asyncDispose]: async () => {
        await this.stage.query(`alter table messages drop constraint if exists ${name}`);
      },
    };
  }

  async openCluster(device: Device): Promise<ClusterTab> {
    const tab = new ClusterTab(await device.open(`${this.stage.cluster.url}/cluster`));
    await tab.loaded();
    return tab;
  }

  /** A device of a user outside of the browser. */
  connect(user: string): GroupChatClient {
    const { cluster } = this.stage;
    const client = createChatClient({ url: cluster.url, getToken: () => tokenFor(cluster, user), extension: groups });
    client.connect();
    this.#clients.push(client);
    return client;
  }

  /** The conversation of two users, created when it is missing. */
  conversation(user = this.alice, other = this.bob): Promise<string> {
    return openConversation(this.stage.cluster, user, other);
  }

  /** Texts of a conversation in the database, in their order. */
  async stored(conversationId: string): Promise<unknown[]> {
    const rows = await this.stage.query('select content from messages where conversation_id = $1 order by seq', [
      conversationId,
    ]);
    return rows.map(({ content }) => content);
  }

  /** Stores messages of the past, of varying length, as the worker would. All are read. */
  async storeHistory(conversationId: string, sender: string, count: number): Promise<void> {
    const { query } = this.stage;
    await query(
      `insert into messages (conversation_id, seq, id, sender_id, client_message_id, content, created_at)
       select $1::uuid, n, gen_random_uuid(), $2, 'history-' || n,
              'Message ' || n || '. ' || repeat('some words of a message ', (n * 7919 % 25)::integer),
              now() - make_interval(secs => ($3 - n) * 20)
       from generate_series(1, $3::integer) n`,
      [conversationId, sender, count],
    );
    await query('update conversations set last_seq = $2 where id = $1', [conversationId, count]);
    await query('update participants set last_read_seq = $2 where conversation_id = $1', [conversationId, count]);
  }
}

function fileOf(title: string, index: number): string {
  return pictureFile(
    `failed-${title
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .slice(0, 60)}-${index + 1}`,
  );
}

export function pictureFile(name: string): string {
  mkdirSync(PICTURES, { recursive: true });
  return join(PICTURES, `${name}.png`);
}
