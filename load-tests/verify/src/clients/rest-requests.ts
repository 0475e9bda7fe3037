import { type Target, tokenFor } from '@chat-cluster/testkit';
import { openLoop } from './open-loop.ts';

const TIMEOUT_MS = 10_000;

export interface RestRequests {
  /** Requests sent so far. */
  count(): number;
  /** Ends the requests. Resolves with one sentence for each request that failed. */
  stop(): Promise<string[]>;
}

/** Sends `perSecond` REST requests a second, of these users in turn, on connections that `fetch` chooses. */
export function sendRestRequests(target: Target, users: readonly { id: string }[], perSecond: number): RestRequests {
  const tokens = users.map(({ id }) => tokenFor(target, id));
  const failures: Promise<string | undefined>[] = [];
  const loop = openLoop(perSecond, (index) =>
    failures.push(failureOf(target.url, tokens[index % tokens.length] ?? '')),
  );
  return {
    count: () => loop.count,
    async stop() {
      await loop.stop();
      return (await Promise.all(failures)).filter((failure) => failure !== undefined);
    },
  };
}

/** Sends one request. Resolves with a sentence about its failure, or with undefined. */
async function failureOf(url: string, token: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/api/messages/conversations`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    return response.ok ? undefined : `${response.status} ${text.slice(0, 200)}`;
  } catch (error) {
    const { message, cause } = error as Error;
    return `${message} (${cause instanceof Error ? cause.message : cause})`;
  }
}
