import { getOrAdd } from './core/get-or-add.ts';
import { problem } from './core/problem.ts';
import { textOf } from './errors.ts';
import type { ChatEvent, ChatEvents, Logger, Observable } from './types.ts';

type Listener = (value: never) => void;
type Emitted = { [E in ChatEvent]: { event: E; value: ChatEvents[E] } }[ChatEvent];

/**
 * Calls of listeners, after the state has changed. Each input (an event, an answer, a timer, a call of the application)
 * runs as one batch: at its end every subscription is called once, however many changes there were, then the events are
 * emitted in their order.
 */
export class Batch {
  #logger: Logger | undefined;
  #listeners = new Map<ChatEvent, Set<Listener>>();
  #events: Emitted[] = [];
  #changed = new Set<Source<unknown>>();
  #depth = 0;
  #isFlushing = false;
  #isEnded = false;
  #prepare: () => void;

  /** `prepare` is called before the listeners; it reports what has changed in the batch. */
  constructor(logger: Logger | undefined, prepare: () => void) {
    this.#logger = logger;
    this.#prepare = prepare;
  }

  run<T>(work: () => T): T {
    this.#depth++;
    try {
      return work();
    } finally {
      this.#depth--;
      this.#flush();
    }
  }

  on<E extends ChatEvent>(event: E, listener: (value: ChatEvents[E]) => void): () => void {
    return added(
      getOrAdd<ChatEvent, Set<Listener>>(this.#listeners, event, () => new Set()),
      listener,
    );
  }

  emit<E extends ChatEvent>(event: E, value: ChatEvents[E]): void {
    if (!this.#listeners.get(event)?.size) return;
    this.#events.push({ event, value } as Emitted);
    this.#flush();
  }

  changed(source: Source<unknown>): void {
    this.#changed.add(source);
    this.#flush();
  }

  /** After what is emitted so far, no listener is called again. */
  end(): void {
    this.#flush();
    this.#isEnded = true;
    this.#listeners.clear();
  }

  #flush(): void {
    if (this.#depth > 0 || this.#isFlushing) return;
    this.#isFlushing = true;
    for (this.#prepare(); this.#changed.size > 0 || this.#events.length > 0; this.#prepare()) {
      const sources = [...this.#changed];
      this.#changed.clear();
      for (const source of sources) {
        for (const listener of [...source.listeners]) if (!this.#isEnded) this.#call('subscribe', listener);
      }
      for (const { event, value } of this.#events.splice(0)) {
        for (const listener of [...(this.#listeners.get(event) ?? [])]) {
          this.#call(event, () => listener(value as never));
        }
      }
    }
    this.#isFlushing = false;
  }

  /** An error of a listener is no reason to skip the others, nor to lose the state. */
  #call(event: ChatEvent | 'subscribe', listener: () => void): void {
    try {
      listener();
    } catch (error) {
      const message = `A listener of "${event}" threw: ${textOf(error)}. Catch its errors.`;
      this.#logger?.error(message, { error });
      if (event !== 'error') this.emit('error', problem('LISTENER_FAILED', message, false));
    }
  }
}

/** A value for `useSyncExternalStore`: built when it is read, and the same object until it changes. */
export class Source<T> implements Observable<T> {
  readonly listeners = new Set<() => void>();
  #batch: Batch;
  #build: () => T;
  #value: T | undefined;

  constructor(batch: Batch, build: () => T) {
    this.#batch = batch;
    this.#build = build;
  }

  get(): T {
    this.#value ??= this.#build();
    return this.#value;
  }

  subscribe(listener: () => void): () => void {
    return added(this.listeners, listener);
  }

  /** The value has changed. */
  invalidate(): void {
    this.#value = undefined;
    if (this.listeners.size > 0) this.#batch.changed(this as Source<unknown>);
  }
}

/** Adds a listener. In a function of its own, so that a listener that is added twice is called twice. */
function added<Value>(listeners: Set<(value: Value) => void>, listener: (value: Value) => void): () => void {
  const own = (value: Value) => listener(value);
  listeners.add(own);
  return () => listeners.delete(own);
}
