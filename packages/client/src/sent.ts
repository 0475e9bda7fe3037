import type { ClientMessageId, Message } from '@chat-cluster/contracts';
import type { ChatCore } from './core/core.ts';
import type { Outgoing } from './core/outbox.ts';
import { type Deferred, defer } from './defer.ts';
import { ChatFailure } from './errors.ts';
import type { ChatError, SentMessage } from './types.ts';

/** How a message has left the outbox of this client: it is stored, discarded, or its user has gone. */
export interface End {
  message?: Message;
  error?: ChatError;
}

/** What `send` returns. Its promise exists from its first use. */
export class Sent implements SentMessage {
  readonly clientMessageId: ClientMessageId;
  #outgoing: Outgoing;
  #core: Pick<ChatCore, 'isRead'>;
  #end: End | undefined;
  #waiting: Deferred<Message> | undefined;
  /** `settle` has seen a failure. */
  #hasFailed = false;

  constructor(outgoing: Outgoing, core: Pick<ChatCore, 'isRead'>) {
    this.clientMessageId = outgoing.clientMessageId;
    this.#outgoing = outgoing;
    this.#core = core;
  }

  get status(): SentMessage['status'] {
    const { message, error } = this.#end ?? {};
    if (message) return this.#core.isRead(message) ? 'read' : 'stored';
    if (error) return error.code === 'DISCARDED' ? 'discarded' : 'failed';
    return this.#outgoing.status;
  }

  get error(): ChatError | undefined {
    return (this.#end ?? this.#outgoing).error;
  }

  get stored(): Promise<Message> {
    if (!this.#waiting) {
      this.#waiting = defer<Message>();
      this.settle();
    }
    return this.#waiting.promise;
  }

  /** The message has left, or its status has changed. Returns true if the promise of a failed attempt was replaced. */
  settle(end = this.#end): boolean {
    this.#end = end;
    const { error } = this;
    if (end?.message) this.#waiting?.resolve(end.message);
    else if (error) this.#waiting?.reject(new ChatFailure(error));
    else if (this.#hasFailed) this.#waiting = undefined;
    const hadFailed = this.#hasFailed;
    this.#hasFailed = error !== undefined;
    return hadFailed;
  }
}
