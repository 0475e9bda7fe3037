import type { ChangeMessageAck, ConversationId, Message } from '@chat-cluster/contracts';
import type { Engine } from '../engine.ts';
import { checkSeq } from './draft.ts';
import type { Requests } from './requests.ts';
import type { Revisions } from './revisions.ts';

/** What a change makes of a message, before the server has answered. */
type Preview = (message: Message) => Message;

export interface PendingChangesDeps {
  readonly engine: Engine;
  readonly requests: Requests;
  readonly revisions: Pick<Revisions, 'acknowledged'>;
}

/** Changes of this device that have no answer yet. Messages are shown with them. */
export class PendingChanges {
  #deps: PendingChangesDeps;
  /** By conversation and seq; another array after each change. */
  #previews = new Map<string, readonly Preview[]>();
  #shown = new WeakMap<Message, { previews: readonly Preview[]; message: Message }>();

  constructor(deps: PendingChangesDeps) {
    this.#deps = deps;
  }

  /** The same object until the message or its pending changes are others. */
  shown(message: Message): Message {
    const previews = this.#previews.get(message.conversationId + message.seq);
    if (!previews) return message;
    let shown = this.#shown.get(message);
    if (shown?.previews !== previews) {
      const changed = previews.reduce((before, preview) => preview(before), message);
      shown = { previews, message: Object.assign({ ...changed }, { isChanging: true }) };
      this.#shown.set(message, shown);
    }
    return shown.message;
  }

  /** Shows the change, sends it, and resolves with the message after it. A change that fails is taken back. */
  async change(event: string, payload: { conversationId: ConversationId; seq: number }, preview: Preview) {
    const { engine, requests, revisions } = this.#deps;
    checkSeq('seq', payload.seq);
    engine.open();
    const key = payload.conversationId + payload.seq;
    const show = (previews: readonly Preview[]) => {
      if (previews.length > 0) this.#previews.set(key, previews);
      else this.#previews.delete(key);
      engine.conversations.invalidate(payload.conversationId);
    };
    const { message } = await engine.batch.run(() => {
      show([...(this.#previews.get(key) ?? []), preview]);
      return requests.call<ChangeMessageAck>(event, payload, (answer) =>
        engine.batch.run(() => {
          show((this.#previews.get(key) ?? []).filter((one) => one !== preview));
          if (answer) revisions.acknowledged(answer.message);
        }),
      );
    });
    return message;
  }
}
