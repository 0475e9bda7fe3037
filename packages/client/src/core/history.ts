import type { ConversationId, ErrorPayload, Message, StoreEpoch, SyncAck } from '@chat-cluster/contracts';
import { ANSWER_TIMEOUT_MS } from '../wire.ts';
import type { Clock, Wire } from './seams.ts';

/** Why a load failed. */
export interface LoadError {
  code: ErrorPayload['code'] | 'CONNECTION_LOST';
  message: string;
  retryable: boolean;
}

type OnLoaded = (error: LoadError | undefined, messages: readonly Message[]) => void;

const LOST: LoadError = {
  code: 'CONNECTION_LOST',
  message: 'There is no connection. Try again when the client is live.',
  retryable: true,
};

/** Loads ranges of messages with `sync`: `seq` has no gaps, so a range is known by its ends. */
export class History {
  #clock: Clock;
  /** Returns true when the answer belongs to another history. */
  #entered: (epoch: StoreEpoch | undefined) => boolean;
  #wire: Wire | undefined;
  /** Ends a load without an answer. */
  #underWay = new Set<(error: LoadError) => void>();

  constructor(clock: Clock, entered: (epoch: StoreEpoch | undefined) => boolean) {
    this.#clock = clock;
    this.#entered = entered;
  }

  start(wire: Wire): void {
    this.#wire = wire;
  }

  /** The connection is lost. */
  stop(): void {
    this.#wire = undefined;
    for (const fail of [...this.#underWay]) fail(LOST);
  }

  /** Loads the messages from `fromSeq` to `toSeq`. A long text may need several loads: then the last ones are missing. */
  load(id: ConversationId, fromSeq: number, toSeq: number, onLoaded: OnLoaded): void {
    if (!this.#wire) {
      onLoaded(LOST, []);
      return;
    }
    const end = (error: LoadError | undefined, messages: readonly Message[]) => {
      if (!this.#underWay.delete(fail)) return;
      cancelTimeout();
      onLoaded(error, messages);
    };
    const fail = (error: LoadError) => end(error, []);
    const cancelTimeout = this.#clock.after(ANSWER_TIMEOUT_MS, () => fail(LATE));
    this.#underWay.add(fail);
    const payload = { conversations: [{ id, afterSeq: fromSeq - 1 }], limit: toSeq - fromSeq + 1 };
    this.#wire.call<SyncAck>('sync', payload, (answer) => {
      if (!answer.ok) fail(answer.error);
      else if (this.#entered(answer.epoch)) fail(REPLACED);
      else if (answer.notFound.length > 0) fail(NOT_FOUND);
      else end(undefined, answer.conversations[0]?.messages ?? []);
    });
  }
}

const LATE: LoadError = { code: 'TIMEOUT', message: 'The server did not respond in time. Try again.', retryable: true };
const REPLACED: LoadError = {
  code: 'UNAVAILABLE',
  message: 'The history was replaced. Try again.',
  retryable: true,
};
const NOT_FOUND: LoadError = {
  code: 'CONVERSATION_NOT_FOUND',
  message: 'There is no such conversation, or you are not in it.',
  retryable: false,
};
