import { createServer, request } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';

/** A misconfigured proxy between clients and a gateway. Disposing of it closes its connections. */
export interface FaultyProxy extends AsyncDisposable {
  url: string;
}

/** A proxy that forwards requests, but no upgrades. `headers` replace headers of the responses. */
export async function proxyWithoutUpgrades(port: number, headers: Record<string, string> = {}): Promise<FaultyProxy> {
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers: received } = incoming;
    const forwarded = request(
      { port, method, path, headers: { ...received, connection: 'close', upgrade: '' } },
      (response) => {
        outgoing.writeHead(response.statusCode ?? 502, { ...response.headers, ...headers });
        response.pipe(outgoing);
      },
    );
    forwarded.once('error', () => outgoing.destroy());
    incoming.pipe(forwarded);
  });
  return listening(server);
}

/** A TCP proxy that cuts connections that were idle for `ms`. */
export async function proxyWithIdleTimeout(port: number, ms: number): Promise<FaultyProxy> {
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

async function listening(server: Server): Promise<FaultyProxy> {
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
