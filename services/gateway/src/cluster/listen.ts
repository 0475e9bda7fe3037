import type { AddressInfo, Server } from 'node:net';
import { adminAddress, type Lifecycle, type OpsOptions, type OpsServer, serveOps } from '@chat-cluster/runtime';
import type { GatewayConfig } from '../config.ts';

/**
 * Connections that the kernel holds until they are accepted; Linux limits it to net.core.somaxconn, by default 4,096.
 * Node accepts one connection per turn of its event loop, so its default of 511 is full within 0.1 s when the clients
 * of another gateway arrive. The kernel drops the others, and they retry after 1, 3 and 7 s.
 */
const BACKLOG = 16_384;

/** Listens as configured. Resolves with the port, which the system chooses if PORT is 0. */
export async function listen(server: Server, { PORT, HOST }: Pick<GatewayConfig, 'PORT' | 'HOST'>): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: PORT, host: HOST, backlog: BACKLOG }, resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** Opens the admin listener, which stops with the lifecycle. */
export async function listenForAdmin(
  config: GatewayConfig,
  lifecycle: Lifecycle,
  pages: Pick<OpsOptions, 'readiness' | 'metrics' | 'actions'>,
): Promise<OpsServer> {
  const ops = await serveOps({ ...adminAddress(config), drain: () => lifecycle.end('POST /drain'), ...pages });
  lifecycle.own('admin listener', ops.server, (server) => server.close());
  return ops;
}

/**
 * Deadlines of the HTTP server of the public port, in ms. Node checks for late headers only every 30 s by default, so a
 * silent connection could stay for up to 40 s.
 */
export const HTTP_DEADLINES = {
  headersTimeout: 7_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
} as const;
