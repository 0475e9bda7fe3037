import type { Message } from '@chat-cluster/contracts';

/** Messages with seqs `fromSeq` to `toSeq`, both included, that are not loaded. */
export interface SeqRange {
  readonly fromSeq: number;
  readonly toSeq: number;
}

/**
 * The loaded messages of an open conversation, sorted by seq, each once. It holds at most `limit` messages: when newer
 * ones arrive, the oldest are dropped, and can be loaded again.
 */
export class MessageWindow {
  /** Sorted by seq. Changed in place. */
  readonly messages: Message[] = [];
  /**
   * The first load, or a load after a restore, goes on after this seq; `undefined` once it is complete. While the last
   * seq of the conversation is unknown, it is NaN.
   */
  loadAfter: number | undefined = Number.NaN;
  /** Loads of older messages and holes under way. */
  loads = 0;
  #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Adds a message within or after the window. One before it was dropped, or is not loaded yet. */
  add(message: Message): void {
    const first = this.messages[0];
    if (first && message.seq > first.seq) this.append(message);
  }

  /** Adds a message that was not delivered yet, also before the first one: events may overtake each other. */
  append(message: Message): void {
    const { messages } = this;
    if (this.#insert(message) && messages.length > this.#limit) messages.splice(0, messages.length - this.#limit);
  }

  /** Adds loaded messages, also before the window. `grow`: the limit grows by their number, so that they stay. */
  extend(loaded: readonly Message[], { grow = false }: { grow?: boolean } = {}): void {
    for (const message of loaded) if (this.#insert(message) && grow) this.#limit++;
  }

  /** Drops all messages, for another load. */
  reset(): void {
    this.messages.length = 0;
    this.loadAfter = Number.NaN;
  }

  /** The ranges up to `upTo` that are missing between and after the messages. */
  holes(upTo: number): SeqRange[] {
    const holes: SeqRange[] = [];
    let next = this.messages[0]?.seq ?? upTo + 1;
    for (const { seq } of this.messages) {
      if (seq > upTo) break;
      if (seq > next) holes.push({ fromSeq: next, toSeq: seq - 1 });
      next = seq + 1;
    }
    if (next <= upTo) holes.push({ fromSeq: next, toSeq: upTo });
    return holes;
  }

  #insert(message: Message): boolean {
    const { messages } = this;
    let at = messages.length;
    // Nearly always the last place.
    while (at > 0 && (messages[at - 1] as Message).seq > message.seq) at--;
    if (messages[at - 1]?.seq === message.seq) return false;
    messages.splice(at, 0, message);
    return true;
  }
}
