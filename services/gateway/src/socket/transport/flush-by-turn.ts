import type { Socket as TcpSocket } from 'node:net';
import type { ChatServer } from '../server.ts';

/**
 * Writes to each websocket once a turn of the event loop, whatever the number of packets. engine.io writes the first
 * packet of a turn at once and the others, one system call each, when that one has left. But what a client hears comes in
 * bunches: the ack and the `new_message` of a sender arrive in one read from Redis, and at full speed a batch has several
 * messages of one conversation. A write to a socket is the dearest thing a gateway does: 18 % of its CPU in a profile at full speed, before this.
 *
 * A packet waits for the end of the turn in which it was made (`setImmediate`), which on an idle gateway is at once.
 * Meanwhile its transport says that it is not writable, so a volatile packet behind another one of the turn is dropped,
 * as it is behind one that engine.io has just written. Long-polling is left alone: a poll takes all that there is anyway.
 */
export function flushByTurn(io: ChatServer): void {
  let waiting: { connection: Connection; transport: Transport }[] = [];

  function onPacket(this: Connection): void {
    const { transport } = this;
    if (!transport.writable || transport.name !== 'websocket') return;
    transport.writable = false;
    if (waiting.length === 0) setImmediate(flush);
    waiting.push({ connection: this, transport });
  }

  function flush(): void {
    const flushed = waiting;
    waiting = [];
    for (const { connection, transport } of flushed) {
      transport.writable = true;
      const tcp = transport.socket?._socket;
      tcp?.cork();
      connection.flush();
      tcp?.uncork();
    }
  }

  io.engine.on('connection', (connection: Connection) => connection.on('packetCreate', onPacket));
}

/** What this file needs of an engine.io socket (6.6), some of it private there. */
interface Connection {
  readonly transport: Transport;
  on(event: 'packetCreate', listener: (this: Connection) => void): void;
  /** Gives the transport, when it is writable, all that waits for it. */
  flush(): void;
}

interface Transport {
  readonly name: string;
  writable: boolean;
  /** Only of a websocket transport. */
  readonly socket?: { readonly _socket?: TcpSocket | null };
}
