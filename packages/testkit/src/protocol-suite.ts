/*
 * The protocol as a list of behaviours that hold on any cluster, whatever stands before its gateways. For mocha, and
 * therefore not part of the index: load tests use the testkit too.
 */
import { connect, connectElsewhere, newUser, openConversation, type Target, type TestClient } from './client.ts';
import { errorBehaviours } from './protocol-suite/errors.ts';
import { handshakeBehaviours } from './protocol-suite/handshake.ts';
import { historyBehaviours } from './protocol-suite/history.ts';
import { messageBehaviours } from './protocol-suite/messages.ts';
import { presenceBehaviours } from './protocol-suite/presence.ts';
import { readBehaviours } from './protocol-suite/reads.ts';
import type { ClientOptions, Stage } from './protocol-suite/stage.ts';
import { syncBehaviours } from './protocol-suite/sync.ts';

/** The clients to hold a target to: `describeProtocol(() => cluster, { clients: CLIENT_KINDS.polling })`. */
export const CLIENT_KINDS = {
  websocket: { transports: ['websocket'] },
  /** With cookies, as a browser has them: a balancer may ask for them to keep the requests of a session together. */
  polling: { transports: ['polling'], withCredentials: true },
  /** What a stock client does: it begins with long-polling and moves to a websocket. With cookies. */
  upgrade: { withCredentials: true },
} satisfies Record<string, ClientOptions>;

/**
 * Registers the behaviours with mocha: to be called inside a `describe`. `target` is asked when a test runs; it needs
 * two gateways or more. `clients` are the options of every client. About 5 s.
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
