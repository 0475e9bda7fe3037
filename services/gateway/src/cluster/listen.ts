import type { Server } from 'node:net';
import type { GatewayConfig } from '../config.ts';

/**
 * Connections that the kernel keeps until they are accepted; Linux cuts it to net.core.somaxconn, 4,096 as it comes. Node
 * accepts one connection in each turn of its event loop, and its own default of 511 is full in 0.1 s when the clients of
 * another gateway come over. The kernel drops whom it has no room for, and their next try is 1, then 3, then 7 s away:
 * of 5,000 the last were back after 50 s, with the gateway idle most of the time.
 */
const BACKLOG = 16_384;

/** Listens as configured and resolves with the port, which is the system's choice for PORT 0. */
export async function listen(server: Server, { PORT, HOST }: Pick<GatewayConfig, 'PORT' | 'HOST'>): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: PORT, host: HOST, backlog: BACKLOG }, resolve);
  });
  const address = server.address();
  return typeof address === 'object' && address ? address.port : PORT;
}

/**
 * For the HTTP server of a port. Node looks for connections whose headers are late only every 30 s by itself: one that
 * says nothing was kept for up to 40 s.
 */
export const HTTP_DEADLINES = {
  headersTimeout: 7_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
} as const;
