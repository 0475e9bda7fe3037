import type { Message } from '@chat-cluster/contracts';

/** Messages with seqs `fromSeq` to `toSeq`, both included, that are not loaded. */
export interface SeqRange {
  readonly fromSeq: number;
  readonly toSeq: number;
}

/**
 * The loaded messages of an open conversation, sorted by seq, each once. It holds at most `limit` messages: beyond, those
 * far from where the application reads are dropped, and can be loaded again.
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
  /**
   * The application reads older messages: new ones do not enter a full window, and lie in a hole at its end. Set by a load,
   * from its begin, until it loads the last hole or has the newest message on the screen.
   */
  isUp = false;
  #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Adds a message that was received, also before the first one: events may overtake each other. */
  append(message: Message): void {
    const { messages } = this;
    if (messages.length >= this.#limit) {
      if (this.isUp) return;
      // Many at a time: a list that shows the messages moves rarely.
      messages.splice(0, messages.length / 8);
    }
    this.extend([message]);
  }

  /**
   * Adds loaded messages, also before the window. What is far from them is dropped. They stay, and as many beside them,
   * whatever the limit is.
   */
  extend(loaded: readonly Message[]): void {
    const { messages } = this;
    for (const message of loaded) {
      // Nearly always the last one, so the search begins there.
      const before = messages.findLastIndex(({ seq }) => seq <= message.seq);
      if (messages[before]?.seq !== message.seq) messages.splice(before + 1, 0, message);
    }
    const surplus = messages.length - Math.max(this.#limit, 2 * loaded.length);
    const isBefore = this.isUp && loaded[0] === messages[0];
    if (surplus > 0) messages.splice(isBefore ? -surplus : 0, surplus);
  }

  /** Drops all messages, for another load. */
  reset(): void {
    this.messages.length = 0;
    this.loadAfter = Number.NaN;
  }

  /** The ranges up to `upTo` that are missing between and after the messages. */
  holes(upTo: number): SeqRange[] {
    const holes: SeqRange[] = [];
    let fromSeq = Number.POSITIVE_INFINITY;
    for (const seq of [...this.messages.map(({ seq }) => seq), upTo + 1]) {
      const toSeq = Math.min(seq - 1, upTo);
      if (toSeq >= fromSeq) holes.push({ fromSeq, toSeq });
      fromSeq = seq + 1;
    }
    return holes;
  }
}
