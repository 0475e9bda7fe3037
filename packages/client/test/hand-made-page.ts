import type { Page } from '../src/types.ts';

type Change = Parameters<Parameters<NonNullable<Page['listen']>>[0]>[0];

/** A browser with tabs, locks and channels, in memory. */
export class HandMadeBrowser {
  readonly #locks = new Map<string, { hold: () => Promise<void>; signal: AbortSignal; done: () => void }[]>();
  readonly channels = new Set<{ name: string; receive: (message: unknown) => void }>();

  lock(name: string, signal: AbortSignal, hold: () => Promise<void>): Promise<void> {
    return new Promise((done, reject) => {
      const queue = this.#locks.get(name) ?? [];
      this.#locks.set(name, queue);
      const waiting = { hold, signal, done };
      signal.addEventListener('abort', () => {
        const at = queue.indexOf(waiting);
        if (at <= 0) return;
        queue.splice(at, 1);
        reject(new Error('aborted'));
      });
      queue.push(waiting);
      if (queue.length === 1) void this.#grant(queue);
    });
  }

  /** Messages to other tabs wait here while a test holds them back. */
  held: (() => void)[] | undefined;

  post(name: string, from: object, message: unknown): void {
    const copy = structuredClone(message);
    const deliver = () => {
      for (const channel of [...this.channels]) if (channel.name === name && channel !== from) channel.receive(copy);
    };
    if (this.held) this.held.push(deliver);
    else deliver();
  }

  async #grant(queue: { hold: () => Promise<void>; done: () => void }[]): Promise<void> {
    const [first] = queue;
    if (!first) return;
    await first.hold();
    queue.shift();
    first.done();
    void this.#grant(queue);
  }
}

/** A page of a browser. `isolated`: without locks and channels. */
export class HandMadePage implements Page {
  visible = true;
  online = true;
  readonly listeners = new Set<(change: Change) => void>();
  lock?: NonNullable<Page['lock']>;
  channel?: NonNullable<Page['channel']>;

  constructor(browser?: HandMadeBrowser) {
    if (!browser) return;
    this.lock = (name, signal, hold) => browser.lock(name, signal, hold);
    this.channel = (name, receive) => {
      const channel = { name, receive };
      browser.channels.add(channel);
      return { post: (message) => browser.post(name, channel, message), close: () => browser.channels.delete(channel) };
    };
  }

  isVisible = (): boolean => this.visible;
  isOnline = (): boolean => this.online;
  listen = (listener: (change: Change) => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  change(change: Change): void {
    if (change === 'visible' || change === 'hidden') this.visible = change === 'visible';
    if (change === 'online' || change === 'offline') this.online = change === 'online';
    for (const listener of [...this.listeners]) listener(change);
  }
}
