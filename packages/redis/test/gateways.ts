import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGatewayAdapter, type PubSub, type RawListener, type Subscriber } from '@chat-cluster/redis';
import { Server, type Socket } from 'socket.io';
import { io as connectTo } from 'socket.io-client';

/** A real Socket.IO server with the adapter of a gateway. */
export interface Gateway {
  io: Server;
  subscribed(room: string): Promise<void>;
  onGap(listener: () => void): void;
  /** Channels of what Redis sent here, in order. */
  arrived: string[];
  /** A device connected here. It keeps all it hears; `socket` is its side in the server. */
  /** By websocket, or `polling`. */
  device(transport?: string): Promise<Device>;
  close(): Promise<void>;
}

export interface Device {
  socket: Socket;
  heard: [event: string, payload: unknown][];
  close(): void;
}

export async function startGateway({ publisher, subscriber }: PubSub): Promise<Gateway> {
  const arrived = recordArrivals(subscriber);
  const { adapter, subscribed, onGap } = createGatewayAdapter({ publisher, subscriber });
  const http = createServer();
  const io = new Server(http, { adapter, serveClient: false });
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const { port } = http.address() as AddressInfo;
  const clients: { disconnect(): void }[] = [];
  return {
    io,
    subscribed,
    onGap,
    arrived,
    async device(transport = 'websocket') {
      const client = connectTo(`http://127.0.0.1:${port}`, { transports: [transport], forceNew: true });
      clients.push(client);
      const heard: Device['heard'] = [];
      client.onAny((event, payload) => heard.push([event, payload]));
      const connection = new Promise<Socket>((resolve) => io.once('connection', resolve));
      const socket = await connection;
      await new Promise<void>((resolve) => (client.connected ? resolve() : client.once('connect', resolve)));
      return { socket, heard, close: () => client.disconnect() };
    },
    async close() {
      // They would come back for ever.
      for (const client of clients) client.disconnect();
      io.disconnectSockets(true);
      await io.close();
    },
  };
}

function recordArrivals(subscriber: Subscriber): string[] {
  const arrived: string[] = [];
  const subscribeRaw = subscriber.subscribeRaw.bind(subscriber);
  const record = (channel: string, listener: RawListener, as?: 'pattern') =>
    subscribeRaw(
      channel,
      (message, from) => {
        arrived.push(from.toString());
        listener(message, from);
      },
      as,
    );
  Object.assign(subscriber, { subscribeRaw: record });
  return arrived;
}
