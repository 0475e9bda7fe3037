import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';

export interface NameServer extends AsyncDisposable {
  port: number;
  /** What every name stands for from now on. */
  addresses: string[];
}

/** A name server (RFC 1035) that answers every question for IPv4 addresses with all of `addresses`, good for a second. */
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
    const answers = isForIpv4 ? server.addresses.map(answerOf) : [];
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
/** An authoritative answer without an error, recursion asked for and to be had. */
const IS_ANSWER = 0x8580;

/** The name as a pointer to the question, A, IN, one second, four bytes. */
function answerOf(address: string): Buffer {
  return Buffer.from([0xc0, HEADER, 0, TYPE_A, 0, 1, 0, 0, 0, 1, 0, 4, ...address.split('.').map(Number)]);
}

/** Passes what comes for `address` on to a port of 127.0.0.1: containers have addresses of their own, and one port. */
export async function answerAt(address: string, port: number, target: number): Promise<AsyncDisposable> {
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
