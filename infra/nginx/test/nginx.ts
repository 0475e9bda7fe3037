import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NGINX } from '@chat-cluster/local-cluster';
import { eventually } from '@chat-cluster/testkit';
import { type Balancer, startBalancer } from '@chat-cluster/testkit/balancers';

/** Starts nginx with the shipped configuration, in a minimal http context. */
export function startNginx(gatewayPorts: number[]): Promise<Balancer> {
  return startBalancer({
    wanted: NGINX,
    logs: ['access.log', 'error.log'],
    async configure({ folder, port }) {
      const template = await readFile(join(import.meta.dirname, '../chat.conf.template'), 'utf8');
      const variables: Record<string, string> = {
        LISTEN: `127.0.0.1:${port}`,
        LOG_DIR: folder,
        ...Object.fromEntries(gatewayPorts.map((gateway, i) => [`GATEWAY_${i + 1}`, `127.0.0.1:${gateway}`])),
      };
      // Like envsubst.
      const filled = template.replace(/\$\{(\w+)\}/g, (_, name: string) => variables[name] ?? '');
      await writeFile(join(folder, 'chat.conf'), filled);
      await writeFile(join(folder, 'nginx.conf'), mainConfiguration(folder));
      return { args: ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')] };
    },
  });
}

/** Changes the configuration and reloads nginx, as an operator does. Resolves when nginx uses it. */
export async function reloadWith({ folder, pid }: Balancer, change: (config: string) => string): Promise<void> {
  const file = join(folder, 'chat.conf');
  await writeFile(file, change(await readFile(file, 'utf8')));
  const workers = () => readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').then((pids) => pids.trim().split(' '));
  const before = await workers();
  process.kill(pid, 'SIGHUP');
  // Old workers stay for their websockets but accept no connections: their title shows "shutting down".
  await eventually(async () => {
    for (const worker of before) {
      const title = await readFile(`/proc/${worker}/cmdline`, 'utf8').catch(() => 'shutting down');
      if (!title.includes('shutting down')) throw new Error('nginx has not reloaded yet');
    }
  });
}

/** Several processes, as on every machine: they must share what they learn about a gateway. */
const WORKER_PROCESSES = 2;

function mainConfiguration(folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return [
    'daemon off;',
    // When nginx runs as root, its default user may not exist on this machine.
    ...(process.getuid?.() === 0 ? ['user root;'] : []),
    `worker_processes ${WORKER_PROCESSES};`,
    `pid ${folder}/nginx.pid;`,
    'events { worker_connections 2000; }',
    'http {',
    ...temporary.map((name) => `${name}_temp_path ${folder}/${name};`),
    `include ${folder}/chat.conf;`,
    '}',
  ].join('\n');
}
