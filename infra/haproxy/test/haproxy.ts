import { connect } from 'node:net';
import { join } from 'node:path';
import type { WantedProgram } from '@chat-cluster/local/debian-program';
import { type Balancer, startBalancer } from '@chat-cluster/testkit/balancer';

const HAPROXY: WantedProgram = {
  names: ['haproxy'],
  versionFlag: '-v',
  versionOf: (printed) => /^HAProxy version (\S+)/.exec(printed)?.[1],
};

/** HAProxy with the shipped configuration, before gateways on these ports. */
export function startHaproxy(gatewayPorts: number[]): Promise<Balancer> {
  return startBalancer({
    wanted: HAPROXY,
    configure: async ({ folder, port }) => ({
      args: ['-db', '-f', join(import.meta.dirname, '../haproxy.cfg')],
      env: {
        LISTEN: `127.0.0.1:${port}`,
        ADMIN_SOCKET: adminSocket(folder),
        MAX_CLIENTS: '2000',
        ...Object.fromEntries(gatewayPorts.map((gateway, i) => [`GATEWAY_${i + 1}`, `127.0.0.1:${gateway}`])),
      },
    }),
  });
}

/** A command of HAProxy's admin socket; resolves with the answer, empty when all is well. */
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

function adminSocket(folder: string): string {
  return join(folder, 'admin.sock');
}
