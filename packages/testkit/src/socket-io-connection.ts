/** One websocket for text messages: on Node (lean-websocket.ts), or on another runtime such as k6. */
export interface TextSocket {
  /** Sends one text message; dropped unless the connection is open. */
  send(text: string): void;
  close(): void;
}

/** Callbacks of a text socket. */
export interface TextSocketEvents {
  /** One text message. */
  text(text: string): void;
  /** Called once, at the end. `status`: of an HTTP response that is not an upgrade; `error`: the cause of a failure. */
  closed(status: number | undefined, error: Error | undefined): void;
}

/** Callbacks of a connection. */
export interface ConnectionEvents {
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

/** The address for websockets of a server at `url`, whose path is the prefix of `/socket.io/`. */
export function socketIoUrl(url: string): string {
  return `${url.replace(/\/+$/, '')}/socket.io/?EIO=4&transport=websocket`;
}

/**
 * A Socket.IO 4 client over one text socket, in the default namespace. It connects at once, never reconnects, replies to
 * pings and assigns acks to their calls. It closes the connection when the server has been silent for as long as a stock
 * client waits. No polling, no binary events. It needs nothing of Node, so that it runs on other runtimes too.
 */
export class SocketIoConnection {
  #socket: TextSocket;
  #events: ConnectionEvents;
  #auth: { token: string; protocol?: 2 };
  #acks = new Map<number, (answer: never) => void>();
  #nextAck = 0;
  #refusal: string | undefined;
  /** Longest silence of the server, in ms. */
  #silenceMs = 0;
  /** Fires when the next ping of the server is overdue. */
  #overdue: ReturnType<typeof setTimeout> | undefined;

  /** `protocol` 2: also the events of changes of messages. */
  constructor(token: string, events: ConnectionEvents, open: (on: TextSocketEvents) => TextSocket, protocol?: 2) {
    this.#events = events;
    this.#auth = { token, ...(protocol && { protocol }) };
    this.#socket = open({
      text: (packet) => this.#receive(packet),
      closed: (status, error) => {
        clearTimeout(this.#overdue);
        events.closed?.(this.#refusal ?? (status === undefined ? undefined : `HTTP ${status}`), error);
      },
    });
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

  /** Abandons the connection, as when a client loses its network. */
  close(): void {
    this.#socket.close();
  }

  #receive(packet: string): void {
    if (packet === ENGINE_PING) {
      this.#expectPing();
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
    this.#silenceMs = pingInterval + pingTimeout;
    this.#expectPing();
    this.#socket.send(`40${JSON.stringify(this.#auth)}`);
  }

  #expectPing(): void {
    clearTimeout(this.#overdue);
    this.#overdue = setTimeout(() => this.close(), this.#silenceMs);
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
