import type { Batch } from '../batch.ts';
import type { Connection } from '../connection/connection.ts';
import type { Clock } from '../core/seams.ts';
import type { ReadMarks } from '../read-marks.ts';
import type { Page } from '../types.ts';

/** Time after which an open socket of a hidden page, or of a device that slept, counts as dead, in ms. */
const DEAD_AFTER_MS = 25_000;
/** Interval of the checks whether the device slept, in ms. */
const CHECK_MS = 10_000;

export interface LivenessDeps {
  readonly page: Page;
  readonly clock: Clock;
  readonly batch: Batch;
  readonly connection: Pick<Connection, 'suspend' | 'wake' | 'replace'>;
  readonly reads: Pick<ReadMarks, 'flush'>;
}

/**
 * What the page and the device do to a connection. A page that is hidden for good closes it, so that the browser can
 * keep the page for "back". After a long time in the background, after sleep and after a change of the network an open
 * socket is replaced: it may be dead, and a phone does not notice that for a minute.
 */
export class Liveness {
  #deps: LivenessDeps;
  #hiddenAt: number | undefined;
  #wasOffline = false;
  #cancelCheck: () => void = () => {};
  #unlisten: (() => void) | undefined;

  constructor(deps: LivenessDeps) {
    this.#deps = deps;
    const { page, clock, batch } = deps;
    if (page.isVisible?.() === false) this.#hiddenAt = clock.now();
    this.#unlisten = page.listen?.((change) => batch.run(() => this.#changed(change)));
    this.#check(clock.now());
  }

  end(): void {
    this.#unlisten?.();
    this.#cancelCheck();
  }

  #changed(change: Parameters<Parameters<NonNullable<Page['listen']>>[0]>[0]): void {
    const { page, clock, connection, reads } = this.#deps;
    if (change === 'hide') connection.suspend();
    else if (change === 'offline') this.#wasOffline = true;
    else if (change === 'hidden') this.#hiddenAt ??= clock.now();
    else {
      const isVisible = page.isVisible?.() !== false;
      const now = clock.now();
      const isDead = change === 'online' ? this.#wasOffline : now - (this.#hiddenAt ?? now) > DEAD_AFTER_MS;
      if (change === 'online') this.#wasOffline = false;
      else if (isVisible) this.#hiddenAt = undefined;
      if (isDead) connection.replace();
      else connection.wake();
      reads.flush();
    }
  }

  /** A timer that fires much too late: the device slept. Browsers delay the timers of hidden pages too. */
  #check(startedAt: number): void {
    const { clock, connection, page } = this.#deps;
    this.#cancelCheck = clock.after(CHECK_MS, () => {
      const now = clock.now();
      const isLate = now - startedAt > CHECK_MS + DEAD_AFTER_MS;
      if (isLate && page.isVisible?.() !== false) connection.replace();
      this.#check(now);
    });
  }
}
