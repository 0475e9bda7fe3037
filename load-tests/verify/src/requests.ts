import { setTimeout as delay } from 'node:timers/promises';
import { type Target, tokenFor } from '@chat-cluster/testkit';

const ANSWER_WITHIN_MS = 10_000;

export interface Requests {
  count(): number;
  /** No more of them; resolves with a sentence for each that had no good answer. */
  stop(): Promise<string[]>;
}

/** REST requests of these users by the clock, so many a second, each on whatever connection `fetch` has. */
export function letRequestsCome(target: Target, users: readonly { id: string }[], perSecond: number): Requests {
  const stopped = new AbortController();
  const answers: Promise<string | undefined>[] = [];
  const tokens = users.map(({ id }) => tokenFor(target, id));
  const coming = (async () => {
    const started = performance.now();
    while (!stopped.signal.aborted) {
      for (; answers.length < ((performance.now() - started) / 1_000) * perSecond; )
        answers.push(ask(target.url, tokens[answers.length % tokens.length] ?? ''));
      await delay(1_000 / perSecond);
    }
  })();
  return {
    count: () => answers.length,
    async stop() {
      stopped.abort();
      await coming;
      return (await Promise.all(answers)).filter((failure) => failure !== undefined);
    },
  };
}

/** Undefined when the answer is good. */
async function ask(url: string, token: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/api/messages/conversations`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const text = await response.text();
    return response.ok ? undefined : `${response.status} ${text.slice(0, 200)}`;
  } catch (error) {
    const { message, cause } = error as Error;
    return `${message} (${cause instanceof Error ? cause.message : cause})`;
  }
}
