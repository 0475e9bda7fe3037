import { newUser, openConversation, startFaultProxy, startTestCluster, tokenFor } from '@chat-cluster/testkit';
import { startBrowser, type TestBrowser } from '@chat-cluster/testkit/browser';
import { startPageServer } from './page-server.ts';
import { Scene } from './scene.ts';

/** A real cluster of two gateways and a worker, a browser, and the server of the page. */
export interface Stage extends AsyncDisposable {
  browser: TestBrowser;
  /** Two new users with a conversation, and a network of their own. */
  scene(): Promise<Scene>;
}

export async function startStage(): Promise<Stage> {
  await using started = new AsyncDisposableStack();
  const cluster = started.use(await startTestCluster());
  const pages = started.use(await startPageServer((user) => tokenFor(cluster, user)));
  const browser = started.use(await startBrowser());
  const all = started.move();
  return {
    browser,
    async scene() {
      const [alice, bob] = [newUser('alice'), newUser('bob')];
      const conversationId = await openConversation(cluster, alice, bob);
      const network = await startFaultProxy({ upstreams: [cluster.port] });
      return new Scene({ cluster, pages, browser, network, alice, bob, conversationId });
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
