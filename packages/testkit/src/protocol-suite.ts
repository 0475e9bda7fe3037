import { connect, connectElsewhere, newUser, openConversation, type Target, type TestClient } from './client.ts';
import { errorBehaviours } from './protocol-suite/errors.ts';
import { handshakeBehaviours } from './protocol-suite/handshake.ts';
import { historyBehaviours } from './protocol-suite/history.ts';
import { messageBehaviours } from './protocol-suite/messages.ts';
import { presenceBehaviours } from './protocol-suite/presence.ts';
import { readBehaviours } from './protocol-suite/reads.ts';
import type { ClientOptions, Stage } from './protocol-suite/stage.ts';
import { syncBehaviours } from './protocol-suite/sync.ts';

/** Options of each kind of client: `describeProtocol(() => cluster, { clients: CLIENT_KINDS.polling })`. */
export const CLIENT_KINDS = {
  websocket: { transports: ['websocket'] },
  /** With cookies, as in a browser: a balancer may need them to keep the requests of a session on one gateway. */
  polling: { transports: ['polling'], withCredentials: true },
  /** A stock client: it starts with long-polling and upgrades to a websocket. With cookies. */
  upgrade: { withCredentials: true },
} satisfies Record<string, ClientOptions>;

/**
 * Registers with mocha, inside a `describe`, the behaviours of the protocol, which hold on any cluster and behind any
 * load balancer. `target` is called when a test runs and must have at least two gateways. `clients` are the options of
 * every client. Takes about 5 s.
 *
 * Not exported from index.ts, because load tests use the testkit without mocha.
 */
export function describeProtocol(target: () => Target, { clients = {} }: { clients?: ClientOptions } = {}): void {
  const open: TestClient[] = [];
  afterEach(() => {
    for (const client of open.splice(0)) client.close();
  });
  const keep = (client: TestClient) => {
    open.push(client);
    return client;
  };
  const stage: Stage = {
    target,
    clients,
    device: async (userId) => keep(await connect(target(), userId, clients)),
    deviceElsewhere: async (userId, than) =>
      keep(await connectElsewhere(target(), userId, than.session.gatewayId, clients)),
    async pair(a = newUser('alice'), b = newUser('bob')) {
      const conversationId = await openConversation(target(), a, b);
      const alice = await stage.device(a);
      return { alice, bob: await stage.deviceElsewhere(b, alice), conversationId };
    },
  };
  handshakeBehaviours(stage);
  messageBehaviours(stage);
  readBehaviours(stage);
  errorBehaviours(stage);
  syncBehaviours(stage);
  historyBehaviours(stage);
  presenceBehaviours(stage);
}
