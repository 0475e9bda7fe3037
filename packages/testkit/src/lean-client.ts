import { type LeanTls, LeanWebSocket } from './lean-websocket.ts';

export interface LeanClientOptions {
  /** URL of a gateway or its load balancer: `http://…` or `https://…`. Its path is the prefix of `/socket.io/`. */
  url: string;
  token: string;
  localAddress?: string;
  tls?: LeanTls;
}

/** Callbacks of a lean client. */
export interface LeanClientEvents {
  /** The server accepted the token. */
  connected?(): void;
  /** One event of the server; the payload is parsed JSON. */
  event(name: string, payload: never): void;
  /**
   * Called once, at the end. `refusal`: the code or message of the server that rejected the token (`connect_error`), or
   * `HTTP 503` after a response that is not an upgrade. `error`: another cause.
   */
  closed?(refusal: string | undefined, error: Error | undefined): void;
}

/**
 * A Socket.IO 4 client over one lean websocket, in the default namespace. It connects at once, never reconnects,
 * replies to pings and assigns acks to their calls. It closes the connection when the server has been silent for as
 * long as a stock client waits. No polling, no binary events.
 */
export class LeanClient {
  #socket: LeanWebSocket;
  #events: LeanClientEvents;
  #token: string;
  #acks = new Map<number, (answer: never) => void>();
  #nextAck = 0;
  #refusal: string | undefined;
  /** Fires when the next ping of the server is overdue. */
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
        text: (packet) => this.#receive(packet),
        closed: (status, error) => {
          clearTimeout(this.#overdue);
          events.closed?.(this.#refusal ?? (status === undefined ? undefined : `HTTP ${status}`), error);
        },
      },
    );
  }

  emit(event: string, payload: unknown): void {
    this.#socket.send(`42${JSON.stringify([event, payload])}`);
  }

  /** `onAck` receives the ack of the server, which may never come. */
  call<Answer>(event: string, payload: unknown, onAck: (answer: Answer) => void): void {
    const id = this.#nextAck++;
    this.#acks.set(id, onAck as (answer: never) => void);
    this.#socket.send(`42${id}${JSON.stringify([event, payload])}`);
  }

  /** Closes with a TCP reset, which the server sees as a lost connection. */
  close(): void {
    this.#socket.close();
  }

  #receive(packet: string): void {
    if (packet === ENGINE_PING) {
      this.#overdue?.refresh();
      this.#socket.send(ENGINE_PONG);
    } else if (packet.startsWith('42')) {
      const [name, payload] = JSON.parse(packet.slice(2)) as [string, never];
      this.#events.event(name, payload);
    } else if (packet.startsWith('43')) this.#receiveAck(packet);
    else if (packet.startsWith('0')) this.#open(JSON.parse(packet.slice(1)));
    else if (packet.startsWith('41') || packet === ENGINE_CLOSE) this.close();
    else if (packet.startsWith('40')) this.#events.connected?.();
    else if (packet.startsWith('44')) {
      const { message, data } = JSON.parse(packet.slice(2)) as { message: string; data?: { code?: string } };
      this.#refusal = data?.code ?? message;
      this.close();
    }
  }

  #open({ pingInterval, pingTimeout }: { pingInterval: number; pingTimeout: number }): void {
    this.#overdue = setTimeout(() => this.close(), pingInterval + pingTimeout);
    this.#socket.send(`40${JSON.stringify({ token: this.#token })}`);
  }

  #receiveAck(packet: string): void {
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
