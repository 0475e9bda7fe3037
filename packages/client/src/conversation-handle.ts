import type { ConversationId, Message } from '@chat-cluster/contracts';
import { type Batch, Source } from './batch.ts';
import type { ChatCore } from './core/core.ts';
import { ChatFailure, check } from './errors.ts';
import type { Extension } from './extension.ts';
import type { ReadMarks } from './read-marks.ts';
import type { Sending } from './sending.ts';
import type { Conversation, DraftMessage, Hole, MessagesSnapshot, SentMessage, ShownMessage } from './types.ts';
import type { TypingSignals } from './typing-signals.ts';
import { SYNC_SIZE } from './wire.ts';

export interface ConversationHandleDeps {
  readonly batch: Batch;
  readonly core: ChatCore;
  readonly sending: Sending;
  readonly reads: ReadMarks;
  readonly typing: TypingSignals;
  readonly extension: Extension | undefined;
  /** Throws when the client is closed. */
  open(): unknown;
}

/** Messages that `loadOlder` loads, by default. */
export const OLDER = 50;
const HOLE = 200;

/** A conversation as the application uses it. Its window opens with the first use, and again after `release`. */
export class ConversationHandle implements Conversation {
  readonly id: ConversationId;
  readonly messages: Source<MessagesSnapshot>;
  #deps: ConversationHandleDeps;
  /** A message is shown as the same object until its status changes. */
  #shown = new WeakMap<Message, ShownMessage>();

  constructor(id: ConversationId, deps: ConversationHandleDeps) {
    this.id = id;
    this.#deps = deps;
    this.messages = new Source(deps.batch, () => this.#build());
  }

  /** Opens the window of messages. */
  open(): this {
    this.#deps.batch.run(() => this.#deps.core.open(this.id));
    return this;
  }

  loadOlder(count = OLDER): Promise<void> {
    return this.#load(1, this.#deps.core.state(this.id).firstSeq - 1, count);
  }

  async loadHole({ fromSeq, toSeq }: Hole, count = HOLE): Promise<void> {
    check(fromSeq >= 1 && toSeq >= fromSeq, 'loadHole: pass one of the holes.');
    await this.#load(fromSeq, toSeq, count);
  }

  send(draft: DraftMessage | string): SentMessage {
    return this.#deps.sending.send(this.id, draft);
  }

  retry(clientMessageId: string): SentMessage {
    return this.#deps.sending.retry(clientMessageId);
  }

  discard(clientMessageId: string): void {
    this.#deps.sending.discard(clientMessageId);
  }

  read(): void {
    const state = this.#deps.core.conversations.get(this.id);
    if (state?.window) state.window.isUp = false;
    this.#deps.reads.read(this.id, state?.window?.messages.at(-1)?.seq ?? state?.upTo ?? 0);
  }

  typing(isTyping: boolean): void {
    this.#deps.typing.send(this.id, isTyping);
  }

  release(): void {
    const state = this.#deps.core.conversations.get(this.id);
    if (state) state.window = undefined;
    this.messages.invalidate();
  }

  /** Loads the last `count` messages of the range. */
  async #load(fromSeq: number, toSeq: number, count: number): Promise<void> {
    const isCount = count >= 1 && count <= SYNC_SIZE && count % 1 === 0;
    check(isCount, `count: pass a whole number from 1 to ${SYNC_SIZE}.`);
    const { core, batch } = this.#deps;
    this.#deps.open();
    const window = core.open(this.id);
    const state = core.state(this.id);
    // From now on: what arrives before the answer must not drop the messages beside the loaded ones.
    window.isUp = toSeq < state.lastSeq;
    if (toSeq < fromSeq) return;
    window.loads++;
    this.messages.invalidate();
    await new Promise<void>((resolve, reject) => {
      core.history.load(this.id, Math.max(fromSeq, toSeq - count + 1), toSeq, (error, messages) =>
        batch.run(() => {
          window.loads--;
          if (state.window === window) window.extend(messages);
          this.messages.invalidate();
          if (error) reject(new ChatFailure(error));
          else resolve();
        }),
      );
    });
  }

  #build(): MessagesSnapshot {
    const { core, sending } = this.#deps;
    const state = core.conversations.get(this.id);
    const outgoing = sending.of(this.id);
    if (!state?.window) return { messages: outgoing, holes: [], hasOlder: false, isLoading: false };
    const { window, upTo = 0 } = state;
    const stored = window.messages.map((message) => this.#show(message));
    const snapshot = {
      messages: [...stored, ...outgoing],
      holes: window.loadAfter === undefined ? window.holes(upTo) : [],
      hasOlder: state.firstSeq > 1,
      isLoading: window.loads > 0 || !state.isComplete,
    };
    return { ...snapshot, ...this.#deps.extension?.visible(state, snapshot) };
  }

  #show(stored: Message): ShownMessage {
    const message = this.#deps.extension?.shown(stored) ?? stored;
    const status = this.#deps.core.isRead(message) ? 'read' : 'stored';
    let shown = this.#shown.get(message);
    if (shown?.status !== status) {
      shown = { ...message, status };
      this.#shown.set(message, shown);
    }
    return shown;
  }
}
