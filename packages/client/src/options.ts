import { check } from './errors.ts';
import type { ChatClientOptions } from './types.ts';

/** The options with their defaults and the origin of the server. */
export interface CheckedOptions extends ChatClientOptions {
  origin: string;
  windowSize: number;
  maxOutbox: number;
  maxOutboxAgeMs: number;
  maxSending: number;
  maxBacklog: number;
}

/** The default and the smallest value of each number. A backlog needs more than the newest page. */
const NUMBERS = {
  windowSize: [500, 100],
  maxOutbox: [1_000, 1],
  maxOutboxAgeMs: [24 * 60 * 60 * 1_000, 1],
  maxSending: [1, 1],
  maxBacklog: [500, 50],
} as const;

/** Throws a TypeError with a sentence about the first wrong option. */
export function checkedOptions(options: ChatClientOptions): CheckedOptions {
  check(options, 'createChatClient: pass {url, getToken}.');
  const { url, getToken, store } = options;
  const origin = originOf(url);
  check(typeof getToken === 'function', 'getToken: pass a function that returns a JWT or null.');
  check(!store || typeof store.load === 'function', 'store: pass a ChatStore.');
  const checked: Record<string, unknown> = { ...options, origin };
  for (const [name, [usual, least]] of Object.entries(NUMBERS)) {
    const { [name]: value = usual } = checked;
    check(typeof value === 'number' && value >= least, `${name}: pass a number of at least ${least}, not ${value}.`);
    checked[name] = value;
  }
  return checked as unknown as CheckedOptions;
}

function originOf(text: string): string {
  let url: URL | undefined;
  try {
    url = new URL(text);
  } catch {}
  check(
    url && /^https?:\/\/[^/]+\/$/.test(url.href),
    `url: pass an origin such as "https://chat.example.com", not "${text}".`,
  );
  return url.origin;
}
