import { type LeanTls, LeanWebSocket } from './lean-websocket.ts';
import {
  type ConnectionEvents,
  SocketIoConnection,
  socketIoUrl,
  type TextSocketEvents,
} from './socket-io-connection.ts';

export interface LeanClientOptions {
  /** URL of a gateway or its load balancer: `http://…` or `https://…`. Its path is the prefix of `/socket.io/`. */
  url: string;
  token: string;
  /** 2: also the events of changes of messages. */
  protocol?: 2;
  localAddress?: string;
  tls?: LeanTls;
}

/** A Socket.IO connection over a lean websocket. `close` resets the TCP connection, which the server sees as lost. */
export class LeanClient extends SocketIoConnection {
  constructor({ url, token, protocol, ...options }: LeanClientOptions, events: ConnectionEvents) {
    const open = (on: TextSocketEvents) => new LeanWebSocket({ url: new URL(socketIoUrl(url)), ...options }, on);
    super(token, events, open, protocol);
  }
}
