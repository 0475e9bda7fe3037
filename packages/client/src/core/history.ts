import type { ConversationId, ErrorPayload, Message, StoreEpoch, SyncAck } from '@chat-cluster/contracts';
import { ANSWER_TIMEOUT_MS } from '../wire.ts';
import { type Problem, problem } from './problem.ts';
import type { Clock, Wire } from './seams.ts';

/** Why a load failed. */
export type LoadError = Problem<ErrorPayload['code'] | 'CONNECTION_LOST'>;

type OnLoaded = (error: LoadError | undefined, messages: readonly Message[]) => void;

const LOST = problem('CONNECTION_LOST', 'There is no connection. Try again later.');

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
    for (const end of [...this.#underWay]) end(LOST);
  }

  /** Loads the messages from `fromSeq` to `toSeq`. A long text may need several loads: then the last ones are missing. */
  load(id: ConversationId, fromSeq: number, toSeq: number, onLoaded: OnLoaded): void {
    if (!this.#wire) {
      onLoaded(LOST, []);
      return;
    }
    const end = (error?: LoadError, messages: readonly Message[] = []) => {
      if (!this.#underWay.delete(end)) return;
      cancelTimeout();
      onLoaded(error, messages);
    };
    const late = problem('TIMEOUT', 'The server did not respond in time. Try again.');
    const cancelTimeout = this.#clock.after(ANSWER_TIMEOUT_MS, () => end(late));
    this.#underWay.add(end);
    const payload = { conversations: [{ id, afterSeq: fromSeq - 1 }], limit: toSeq - fromSeq + 1 };
    this.#wire.call<SyncAck>('sync', payload, (answer) => {
      if (!answer.ok) end(answer.error);
      // Of another history: what was requested does not exist any more.
      else if (this.#entered(answer.epoch)) end();
      else if (answer.notFound[0]) end(problem('CONVERSATION_NOT_FOUND', NOT_FOUND, false));
      else
        end(
          undefined,
          answer.conversations[0]?.messages.filter(({ seq }) => seq <= toSeq),
        );
    });
  }
}

const NOT_FOUND = 'You are not in this conversation.';
