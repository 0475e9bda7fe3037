import type { ConversationId, MessageId, StoreEpoch } from '@chat-cluster/contracts';

/** Creates the ids of one fake cluster: UUIDs that count up, so that each run of a test has the same ids. */
export class FakeIds {
  #count = 0;

  conversation(): ConversationId {
    return this.#next('c0') as ConversationId;
  }

  message(): MessageId {
    return this.#next('a0') as MessageId;
  }

  epoch(): StoreEpoch {
    return this.#next('e0') as StoreEpoch;
  }

  connection(): string {
    return `fake-${++this.#count}`;
  }

  #next(kind: string): string {
    const digits = String(++this.#count).padStart(12, '0');
    return `${kind}000000-0000-7000-8000-${digits}`;
  }
}
