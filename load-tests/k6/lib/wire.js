// @ts-check

/*
 * Parsers for the events and answers of the cluster, whose shapes packages/contracts defines. They parse the fields
 * that a load test uses, and never throw: on k6 an error in a handler ends the whole VU.
 */

/**
 * @typedef {{ conversationId: string, seq: number, senderId: string, clientMessageId: string }} Message
 */

/** Parses the payload of `new_message`. Returns undefined for anything else. */
export function readMessage(/** @type {unknown} */ payload) {
  if (!isObject(payload)) return undefined;
  const { conversationId, seq, senderId, clientMessageId } = payload;
  if (typeof conversationId !== 'string' || typeof seq !== 'number') return undefined;
  if (typeof senderId !== 'string' || typeof clientMessageId !== 'string') return undefined;
  return { conversationId, seq, senderId, clientMessageId };
}

/**
 * Parses the answer to any event: `{ok: true, …}` or `{ok: false, error: {code, retryAfterMs}}`. `code` is empty if ok.
 *
 * @returns {{ ok: boolean, code: string, retryAfterMs: number | undefined }}
 */
export function readAnswer(/** @type {unknown} */ answer) {
  if (isObject(answer) && answer.ok === true) return { ok: true, code: '', retryAfterMs: undefined };
  const error = isObject(answer) && isObject(answer.error) ? answer.error : {};
  return {
    ok: false,
    code: typeof error.code === 'string' ? error.code : 'UNREADABLE',
    retryAfterMs: typeof error.retryAfterMs === 'number' ? error.retryAfterMs : undefined,
  };
}

/**
 * Parses a successful answer to `sync`.
 *
 * @returns {{ epoch: string | undefined, messages: Message[], hasMore: boolean }}
 */
export function readSync(/** @type {unknown} */ answer) {
  if (!isObject(answer) || !Array.isArray(answer.conversations))
    return { epoch: undefined, messages: [], hasMore: false };
  /** @type {Message[]} */
  const messages = [];
  for (const conversation of answer.conversations) {
    const some = isObject(conversation) && Array.isArray(conversation.messages) ? conversation.messages : [];
    for (const one of some) {
      const message = readMessage(one);
      if (message) messages.push(message);
    }
  }
  const epoch = typeof answer.epoch === 'string' ? answer.epoch : undefined;
  return { epoch, messages, hasMore: answer.hasMore === true };
}

/** @returns {value is Record<string, unknown>} */
function isObject(/** @type {unknown} */ value) {
  return typeof value === 'object' && value !== null;
}
