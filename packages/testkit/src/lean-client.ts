import { type LeanTls, LeanWebSocket } from './lean-websocket.ts';

export interface LeanClientOptions {
  /** Of a gateway or its load balancer: `http://…` or `https://…`; a path in it is the prefix of `/socket.io/`. */
  url: string;
  token: string;
  localAddress?: string;
  tls?: LeanTls;
}

/** What a lean client tells its owner. */
export interface LeanClientEvents {
  /** The token was accepted. */
  connected?(): void;
  /** The token was not: `connect_error`, with the code where there is one. `closed` follows. */
  refused?(code: string): void;
  /** One event of the server. What it hears is parsed JSON. */
  event(name: string, payload: never): void;
  /** Once: refused, ended or broken. `status`: of an HTTP answer that was no upgrade; `error`: what broke it. */
  closed?(status: number | undefined, error: Error | undefined): void;
}

/**
 * A Socket.IO 4 client over one lean websocket, in the default namespace: connects at once, never reconnects, answers
 * pings, counts acks, and lets go of a server that it has not heard for as long as a stock client waits. No polling, no
 * binary events.
 */
export class LeanClient {
  #socket: LeanWebSocket;
  #events: LeanClientEvents;
  #token: string;
  #acks = new Map<number, (answer: never) => void>();
  #nextAck = 0;
  /** Runs out when the next ping of the server is overdue. */
  #overdue: NodeJS.Timeout | undefined;

  constructor({ url, token, localAddress, tls }: LeanClientOptions, events: LeanClientEvents) {
    this.#events = events;
    this.#token = token;
    const base = new URL(url);
    base.pathname = `${base.pathname.replace(/\/$/, '')}/socket.io/`;
    base.search = '?EIO=4&transport=websocket';
    this.#socket = new LeanWebSocket(
      { url: base, ...(localAddress === undefined ? {} : { localAddress }), ...(tls === undefined ? {} : { tls }) },
      {
        text: (packet) => this.#hear(packet),
        closed: (status, error) => {
          clearTimeout(this.#overdue);
          events.closed?.(status, error);
        },
      },
    );
  }

  emit(event: string, payload: unknown): void {
    this.#socket.say(`42${JSON.stringify([event, payload])}`);
  }

  /** `onAck` hears what the server answers, maybe never. */
  call<Answer>(event: string, payload: unknown, onAck: (answer: Answer) => void): void {
    const id = this.#nextAck++;
    this.#acks.set(id, onAck as (answer: never) => void);
    this.#socket.say(`42${id}${JSON.stringify([event, payload])}`);
  }

  /** By a TCP reset: to the server a lost connection. */
  close(): void {
    this.#socket.close();
  }

  #hear(packet: string): void {
    if (packet === ENGINE_PING) {
      this.#overdue?.refresh();
      this.#socket.say(ENGINE_PONG);
    } else if (packet.startsWith('42')) {
      const [name, payload] = JSON.parse(packet.slice(2)) as [string, never];
      this.#events.event(name, payload);
    } else if (packet.startsWith('43')) this.#answered(packet);
    else if (packet.startsWith('0')) this.#opened(JSON.parse(packet.slice(1)));
    else if (packet.startsWith('41') || packet === ENGINE_CLOSE) this.close();
    else if (packet.startsWith('40')) this.#events.connected?.();
    else if (packet.startsWith('44')) {
      const { message, data } = JSON.parse(packet.slice(2)) as { message: string; data?: { code?: string } };
      this.#events.refused?.(data?.code ?? message);
    }
  }

  #opened({ pingInterval, pingTimeout }: { pingInterval: number; pingTimeout: number }): void {
    this.#overdue = setTimeout(() => this.close(), pingInterval + pingTimeout);
    this.#socket.say(`40${JSON.stringify({ token: this.#token })}`);
  }

  #answered(packet: string): void {
    const start = packet.indexOf('[');
    const id = Number(packet.slice(2, start));
    const onAck = this.#acks.get(id);
    this.#acks.delete(id);
    onAck?.((JSON.parse(packet.slice(start)) as [never])[0]);
  }
}

const ENGINE_CLOSE = '1';
const ENGINE_PING = '2';
const ENGINE_PONG = '3';
