import type { ChatSocket, OpenSocket } from '../../src/index.ts';

type Listener = (...args: unknown[]) => void;

/**
 * The sockets of one device, with faults on the side of the device: it loses or holds what arrives, and keeps a record.
 * Deliveries are named as in the fake cluster: an event of the server by its name, an ack as `ack:send_message`.
 */
export interface Tap {
  open: OpenSocket;
  /** Events that the client has emitted, with the ack if it has arrived. */
  calls: { event: string; payload: unknown; ack?: { ok: boolean; error?: { code: string } } }[];
  /** Sockets that are connected or connecting now, and the largest number of them so far. */
  sockets: { now: number; most: number };
  /** The next deliveries of this kind never arrive. */
  lose(delivery: string, times?: number): void;
  /** Holds deliveries of this kind until the returned function is called. */
  hold(delivery: string): () => void;
  /** The device ends without notice, as in a crash: nothing is received or sent any more. */
  crash(): void;
  /** Breaks the connection. */
  cut(): void;
  /** False: attempts to connect fail, until true. */
  reachable(isReachable: boolean): void;
}

/** Opens sockets with `inner` and taps them. */
export function createTap(inner: OpenSocket): Tap {
  const losses = new Map<string, number>();
  const holds = new Map<string, (() => void)[]>();
  const open = new Set<TappedSocket>();
  const sockets = { now: 0, most: 0 };
  const calls: Tap['calls'] = [];
  let crashed = false;
  let reachable = true;
  const deliver = (delivery: string, arrive: () => void) => {
    const lost = losses.get(delivery) ?? 0;
    if (crashed) return;
    if (lost > 0) losses.set(delivery, lost - 1);
    else if (holds.has(delivery)) holds.get(delivery)?.push(arrive);
    else arrive();
  };
  const count = (socket: TappedSocket, isOpen: boolean) => {
    if (isOpen) open.add(socket);
    else open.delete(socket);
    sockets.now = open.size;
    sockets.most = Math.max(sockets.most, open.size);
  };
  const owner: TapOwner = { deliver, count, calls, mayConnect: () => reachable && !crashed };
  const each = (work: (socket: TappedSocket) => void) => {
    for (const socket of [...open]) work(socket);
  };
  return {
    open: (url, options) => new TappedSocket(inner(url, options), owner),
    calls,
    sockets,
    lose: (delivery, times = 1) => losses.set(delivery, times),
    hold(delivery) {
      holds.set(delivery, []);
      return () => {
        const held = holds.get(delivery) ?? [];
        holds.delete(delivery);
        for (const arrive of held) if (!crashed) arrive();
      };
    },
    crash() {
      crashed = true;
      each((socket) => socket.cut());
    },
    cut: () => each((socket) => socket.cut()),
    reachable(isReachable) {
      reachable = isReachable;
      if (!isReachable) each((socket) => socket.cut());
    },
  };
}

interface TapOwner {
  deliver(delivery: string, arrive: () => void): void;
  count(socket: TappedSocket, isOpen: boolean): void;
  calls: Tap['calls'];
  mayConnect(): boolean;
}

class TappedSocket implements ChatSocket {
  readonly #inner: ChatSocket;
  readonly #owner: TapOwner;
  #listeners = new Map<string, Listener[]>();
  #isCut = false;

  constructor(inner: ChatSocket, owner: TapOwner) {
    this.#inner = inner;
    this.#owner = owner;
    inner.on('disconnect', () => owner.count(this, false));
    inner.on('connect_error', () => owner.count(this, false));
  }

  get id(): string | undefined {
    return this.#inner.id;
  }

  get connected(): boolean {
    return this.#inner.connected;
  }

  on(event: string, listener: Listener): this {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
    this.#inner.on(event, (...args) => {
      if (this.#isCut) return;
      this.#owner.deliver(event, () => this.#listeners.has(event) && !this.#isCut && listener(...args));
    });
    return this;
  }

  off(): this {
    this.#listeners.clear();
    return this;
  }

  connect(): this {
    this.#isCut = false;
    this.#owner.count(this, true);
    if (this.#owner.mayConnect()) this.#inner.connect();
    else {
      queueMicrotask(() => {
        this.#owner.count(this, false);
        this.#emitHere('connect_error', new Error('unreachable'));
      });
    }
    return this;
  }

  disconnect(): this {
    this.#inner.disconnect();
    this.#owner.count(this, false);
    return this;
  }

  emit(event: string, payload: unknown, acknowledge?: (ack: unknown) => void): this {
    const call: Tap['calls'][number] = { event, payload };
    this.#owner.calls.push(call);
    const answered = (ack: unknown) => {
      call.ack = ack as NonNullable<typeof call.ack>;
      if (!this.#isCut) this.#owner.deliver(`ack:${event}`, () => acknowledge?.(ack));
    };
    this.#inner.emit(event, payload, acknowledge && answered);
    return this;
  }

  /** The connection breaks: the client sees a loss, and nothing else arrives on it. */
  cut(): void {
    const wasConnected = this.#inner.connected;
    this.#isCut = true;
    this.#inner.disconnect();
    this.#owner.count(this, false);
    if (wasConnected) this.#emitHere('disconnect', 'transport close');
    else this.#emitHere('connect_error', new Error('websocket error'));
  }

  #emitHere(event: string, ...args: unknown[]): void {
    this.#owner.deliver(event, () => {
      for (const listener of this.#listeners.get(event) ?? []) listener(...args);
    });
  }
}
