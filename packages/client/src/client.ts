import type { UserId } from '@chat-cluster/contracts';
import { checkedConversationId, checkId } from './draft.ts';
import { Engine } from './engine.ts';
import { checkedOptions } from './options.ts';
import type { ChatClient, ChatClientOptions } from './types.ts';

/** Creates a client. It does nothing before `connect`. Throws a TypeError for a wrong option. */
export function createChatClient<Client extends ChatClient = ChatClient>(options: ChatClientOptions<Client>): Client {
  const engine = new Engine(checkedOptions(options));
  const client: ChatClient = {
    get status() {
      return engine.connection.status;
    },
    get badge() {
      return engine.core.badge;
    },
    conversations: engine.list,
    outbox: engine.sending.observable,
    connect: () => engine.open().connect(),
    close: () => engine.close(),
    signOut: () => engine.close(true),
    on: (event, listener) => engine.batch.on(event, listener),
    async direct(userId) {
      checkId('direct', userId);
      return engine.open().direct(userId as UserId);
    },
    conversation: (id) => engine.open().conversations.open(checkedConversationId(id)),
    watch: (userIds) => engine.open().watches.watch(userIds),
    presenceOf: (userId) => engine.watches.of(userId),
    settled: async () => engine.open().settling.wait(),
  };
  return options.extension?.extend(client, engine as never) ?? (client as Client);
}
