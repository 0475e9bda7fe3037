import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';

export interface NameServer extends AsyncDisposable {
  port: number;
  /** Addresses that every name resolves to; may be replaced. */
  addresses: string[];
}

/** Starts a name server (RFC 1035) that resolves every name to `addresses`, with a time to live of one second. */
export async function startNameServer(addresses: string[]): Promise<NameServer> {
  const socket = createSocket('udp4');
  const server: NameServer = {
    port: 0,
    addresses,
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, 'close');
    },
  };
  socket.on('message', (query, from) => {
    const question = query.subarray(HEADER, query.indexOf(0, HEADER) + 5);
    const isForIpv4 = question.readUInt16BE(question.length - 4) === TYPE_A;
    const answers = isForIpv4 ? server.addresses.map(recordOf) : [];
    const header = Buffer.alloc(HEADER);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(IS_ANSWER, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(answers.length, 6);
    socket.send(Buffer.concat([header, question, ...answers]), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  server.port = socket.address().port;
  return server;
}

const HEADER = 12;
const TYPE_A = 1;
/** Flags of an authoritative answer without an error, with recursion desired and available. */
const IS_ANSWER = 0x8580;

/** A resource record: the name as a pointer to the question, type A, class IN, one second, four bytes. */
function recordOf(address: string): Buffer {
  return Buffer.from([0xc0, HEADER, 0, TYPE_A, 0, 1, 0, 0, 0, 1, 0, 4, ...address.split('.').map(Number)]);
}

/**
 * Forwards connections to `address` and `port` to the port `target` of 127.0.0.1: like containers, each gateway gets
 * its own address, and all have the same port.
 */
export async function forwardFrom(address: string, port: number, target: number): Promise<AsyncDisposable> {
  const server: Server = createServer((client) => {
    const gateway = connect(target, '127.0.0.1');
    const cut = () => {
      client.destroy();
      gateway.destroy();
    };
    for (const socket of [client, gateway]) socket.on('error', cut).once('close', cut);
    client.pipe(gateway).pipe(client);
  });
  server.listen(port, address);
  await once(server, 'listening');
  return {
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}
