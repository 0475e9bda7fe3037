import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createGatewayAdapter,
  type PubSub,
  type RawListener,
  type RoomListeners,
  type Subscriber,
} from '@chat-cluster/redis';
import { Server, type Socket } from 'socket.io';
import { io as connectTo } from 'socket.io-client';

/** A Socket.IO server with the adapter of a gateway. */
export interface Gateway {
  io: Server;
  subscribed(room: string): Promise<void>;
  onGap(listener: () => void): void;
  onRoomSignal(listeners: RoomListeners): void;
  /** Channels of the messages that Redis sent to this gateway, in order. */
  arrived: string[];
  /** A device that is connected to this gateway by `websocket` or `polling`. `socketId` replaces its random id. */
  device(transport?: string, socketId?: string): Promise<Device>;
  close(): Promise<void>;
}

export interface Device {
  /** The server side of its connection. */
  socket: Socket;
  /** All events that the device received, in order. */
  events: [event: string, payload: unknown][];
  close(): void;
}

export async function startGateway({ publisher, subscriber }: PubSub): Promise<Gateway> {
  const arrived = recordArrivals(subscriber);
  const { adapter, subscribed, onGap, onRoomSignal } = createGatewayAdapter({ publisher, subscriber });
  const http = createServer();
  const io = new Server(http, { adapter, serveClient: false });
  io.use((socket, next) => {
    const { socketId } = socket.handshake.auth;
    if (socketId) Object.assign(socket, { id: socketId });
    next();
  });
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const { port } = http.address() as AddressInfo;
  const clients: { disconnect(): void }[] = [];
  return {
    io,
    subscribed,
    onGap,
    onRoomSignal,
    arrived,
    async device(transport = 'websocket', socketId) {
      const options = { transports: [transport], auth: { socketId }, forceNew: true };
      const client = connectTo(`http://127.0.0.1:${port}`, options);
      clients.push(client);
      const events: Device['events'] = [];
      client.onAny((event, payload) => events.push([event, payload]));
      const connection = new Promise<Socket>((resolve) => io.once('connection', resolve));
      const socket = await connection;
      await new Promise<void>((resolve) => (client.connected ? resolve() : client.once('connect', resolve)));
      return { socket, events, close: () => client.disconnect() };
    },
    async close() {
      // They would reconnect for ever.
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
