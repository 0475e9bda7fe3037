import type { Page } from '../types.ts';

export interface TabsOwner {
  readonly page: Page;
  /** This tab sends the messages of the user from now on. */
  lead(): void;
  /** Another tab does. */
  follow(): void;
  /** A message of another tab. */
  receive(message: unknown): void;
}

/**
 * The tabs of one user. Each has a connection of its own; one of them, the holder of a lock, drains the outbox and
 * writes the store, and the others follow:
 *
 *   following ──want (live), lock granted──▶ leading ──release (connection lost, page hidden), lock lost──▶ following
 *
 * Only a live tab wants the lock, so a tab without a connection never keeps the others from sending. Without locks
 * every live tab leads; the server stores a message once, whichever tabs send it.
 */
export class Tabs {
  isLeading = false;
  #owner: TabsOwner;
  #name: string | undefined;
  #channel: ReturnType<NonNullable<Page['channel']>> | undefined;
  #release: (() => void) | undefined;

  constructor(owner: TabsOwner) {
    this.#owner = owner;
  }

  /** Joins the tabs of a user. */
  join(name: string): void {
    this.leave();
    this.#name = name;
    try {
      this.#channel = this.#owner.page.channel?.(name, (message) => this.#owner.receive(message));
    } catch {
      // Without a channel the tabs learn of each other's messages from the server.
    }
  }

  want(): void {
    const { page } = this.#owner;
    if (this.#release || this.#name === undefined) return;
    const abort = new AbortController();
    let end = () => {};
    const release = () => {
      abort.abort();
      end();
    };
    this.#release = release;
    const hold = () =>
      new Promise<void>((resolve) => {
        end = resolve;
        if (this.#release === release) this.#lead();
        else resolve();
      });
    const held = page.lock ? page.lock(this.#name, abort.signal, hold) : hold();
    held.then(
      () => this.#release === release && this.release(),
      // Locks are forbidden here, or another tab has taken the lock: this tab works alone, if it still wants to.
      () => this.#release === release && !this.isLeading && this.#lead(),
    );
  }

  release(): void {
    const release = this.#release;
    this.#release = undefined;
    const wasLeading = this.isLeading;
    this.isLeading = false;
    release?.();
    if (wasLeading) this.#owner.follow();
  }

  post(message: object): void {
    try {
      this.#channel?.post(message);
    } catch {
      // A channel that cannot copy a message, or is closed by the browser.
    }
  }

  leave(): void {
    this.release();
    this.#channel?.close();
    this.#channel = undefined;
    this.#name = undefined;
  }

  #lead(): void {
    this.isLeading = true;
    this.#owner.lead();
  }
}
