import type { ClientMessageId, Message } from '@chat-cluster/contracts';
import type { Outgoing } from './core/outbox.ts';
import { type Deferred, defer } from './defer.ts';
import { ChatFailure } from './errors.ts';
import type { ChatError, SentMessage } from './types.ts';

/** How a message has left the outbox of this client. */
type End = { message: Message } | { isDiscarded: true } | { isAway: true };

/** What `send` returns. Its promise exists from its first use. */
export class Sent implements SentMessage {
  readonly clientMessageId: ClientMessageId;
  #outgoing: Outgoing;
  #isRead: (message: Message) => boolean;
  #end: End | undefined;
  #waiting: Deferred<Message> | undefined;
  /** `settle` has seen a failure. */
  #hasFailed = false;

  constructor(outgoing: Outgoing, isRead: (message: Message) => boolean) {
    this.clientMessageId = outgoing.clientMessageId;
    this.#outgoing = outgoing;
    this.#isRead = isRead;
  }

  get status(): SentMessage['status'] {
    if (!this.#end) return this.#outgoing.status;
    if ('isDiscarded' in this.#end) return 'discarded';
    if ('isAway' in this.#end) return 'failed';
    return this.#isRead(this.#end.message) ? 'read' : 'stored';
  }

  get error(): ChatError | undefined {
    if (this.#end && 'isDiscarded' in this.#end) return DISCARDED;
    if (this.#end && 'isAway' in this.#end) return AWAY;
    return this.#end ? undefined : this.#outgoing.error;
  }

  get stored(): Promise<Message> {
    if (!this.#waiting) {
      this.#waiting = defer<Message>();
      this.settle();
    }
    return this.#waiting.promise;
  }

  /** The message has left, or its status has changed. Returns true if the promise of a failed attempt was replaced. */
  settle(end?: End): boolean {
    if (end) this.#end = end;
    if (this.#end && 'message' in this.#end) this.#waiting?.resolve(this.#end.message);
    else if (this.error) this.#waiting?.reject(new ChatFailure(this.error));
    else if (this.#hasFailed) this.#waiting = undefined;
    const hadFailed = this.#hasFailed;
    this.#hasFailed = this.error !== undefined;
    return hadFailed;
  }
}

const DISCARDED: ChatError = { code: 'DISCARDED', message: 'The message was discarded.', retryable: false };
const AWAY: ChatError = {
  code: 'CONNECTION_LOST',
  message: 'The user has signed out or changed. A kept message is sent when its user returns.',
  retryable: false,
};
