import { createServer, request } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';

/** Something between clients and a gateway that is not as it should be. */
export interface Planted extends AsyncDisposable {
  url: string;
}

/** A proxy that knows requests, but no upgrades; `headers` replace those of the answers. */
export async function httpProxy(port: number, headers: Record<string, string> = {}): Promise<Planted> {
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers: asked } = incoming;
    const onward = request(
      { port, method, path, headers: { ...asked, connection: 'close', upgrade: '' } },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...headers });
        answer.pipe(outgoing);
      },
    );
    onward.once('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  return listening(server);
}

/** Cuts connections on which nothing has moved for `ms`. */
export async function impatientProxy(port: number, ms: number): Promise<Planted> {
  const server = createTcpServer((client) => {
    const gateway = connect(port, '127.0.0.1');
    const cut = () => {
      client.destroy();
      gateway.destroy();
    };
    for (const socket of [client, gateway]) socket.on('error', cut).once('close', cut);
    client.setTimeout(ms, cut);
    client.pipe(gateway).pipe(client);
  });
  return listening(server);
}

async function listening(server: Server): Promise<Planted> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
