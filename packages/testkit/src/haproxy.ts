import { connect } from 'node:net';
import { join } from 'node:path';
import { HAPROXY, repository } from '@chat-cluster/local-cluster';
import { type Balancer, startBalancer } from './balancer.ts';

/** HAProxy with the shipped configuration, in front of gateways on these ports. `env` sets more of its variables. */
export function startHaproxy(gatewayPorts: number[], env: NodeJS.ProcessEnv = {}): Promise<Balancer> {
  return startBalancer({
    wanted: HAPROXY,
    configure: async ({ folder, port }) => ({
      args: ['-db', '-f', join(repository, 'infra/haproxy/haproxy.cfg')],
      env: {
        LISTEN: `127.0.0.1:${port}`,
        ADMIN_SOCKET: adminSocket(folder),
        MAX_CLIENTS: '2000',
        ...Object.fromEntries(gatewayPorts.map((gateway, i) => [`GATEWAY_${i + 1}`, `127.0.0.1:${gateway}`])),
        ...env,
      },
    }),
  });
}

/** Sends a command to HAProxy's admin socket; resolves with the reply, which is empty on success. */
export function admin({ folder }: Balancer, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    connect(adminSocket(folder))
      .once('error', reject)
      .on('data', (chunk) => {
        answer += chunk;
      })
      .once('close', () => resolve(answer.trim()))
      .end(`${command}\n`);
  });
}

/** Reloads as an operator does: a new process takes the port, the old one keeps its websockets until they close. */
export function reloadHaproxy(balancer: Balancer): Promise<void> {
  return balancer.start(['-sf', String(balancer.pid)]);
}

/** The gateways that get new sessions, in the order of HAProxy's configuration. */
export async function gatewaysUp(balancer: Balancer): Promise<string[]> {
  const lines = (await admin(balancer, 'show stat')).split('\n').map((line) => line.split(','));
  return lines.flatMap(([backend, server = '', ...rest]) =>
    backend === 'gateways' && server.startsWith('gateway-') && rest[STATUS - 2] === 'UP' ? [server] : [],
  );
}

/** Column of the state in the output of `show stat`. */
const STATUS = 17;

/**
 * Responses to clients since `from`, an earlier length of the log. A websocket is logged when it ends, with status 101.
 */
export function answersSince(balancer: Balancer, from: number): { status: number; line: string }[] {
  const timed = /^\S+ \[.*\] chat \S+ (?:[-+\d]+\/){4}[-+\d]+ (\d{3}) .*$/gm;
  return [...balancer.log().slice(from).matchAll(timed)].map(([line, status]) => ({ line, status: Number(status) }));
}

function adminSocket(folder: string): string {
  return join(folder, 'admin.sock');
}
