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

const DAY_MS = 24 * 60 * 60 * 1_000;

/** Throws a TypeError with a sentence about the first wrong option. */
export function checkedOptions(options: ChatClientOptions): CheckedOptions {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('createChatClient: pass {url, getToken}.');
  }
  const origin = originOf(options.url);
  if (typeof options.getToken !== 'function') {
    throw new TypeError('getToken: pass a function that resolves with a JWT of the user, or with null.');
  }
  if (options.store && typeof options.store.load !== 'function') {
    throw new TypeError('store: pass a ChatStore, such as memoryStore() or indexedDbStore().');
  }
  const { windowSize = 500, maxOutbox = 1_000, maxOutboxAgeMs = DAY_MS } = options;
  const { maxSending = 1, maxBacklog = 500 } = options;
  checkNumber('windowSize', windowSize, 100);
  checkNumber('maxOutbox', maxOutbox, 1);
  checkNumber('maxOutboxAgeMs', maxOutboxAgeMs, 1);
  checkNumber('maxSending', maxSending, 1);
  checkNumber('maxBacklog', maxBacklog, 50);
  return { ...options, origin, windowSize, maxOutbox, maxOutboxAgeMs, maxSending, maxBacklog };
}

function originOf(text: unknown): string {
  let url: URL | undefined;
  try {
    url = new URL(String(text));
  } catch {}
  const isOrigin = url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.hash;
  if (!url || !isOrigin) {
    throw new TypeError(`url: pass the origin of the server, such as "https://chat.example.com", not "${text}".`);
  }
  return url.origin;
}

function checkNumber(name: string, value: unknown, least: number): void {
  if (typeof value !== 'number' || !(value >= least)) {
    throw new TypeError(`${name}: pass a number of at least ${least}, not ${String(value)}.`);
  }
}
