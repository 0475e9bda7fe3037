import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NGINX } from '@chat-cluster/local-cluster';
import { eventually } from '@chat-cluster/testkit';
import { type Balancer, startBalancer } from '@chat-cluster/testkit/balancers';

/** nginx with the shipped configuration in an http context that has only what a machine would have. */
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
      // As envsubst does.
      const filled = template.replace(/\$\{(\w+)\}/g, (_, name: string) => variables[name] ?? '');
      await writeFile(join(folder, 'chat.conf'), filled);
      await writeFile(join(folder, 'nginx.conf'), around(folder));
      return { args: ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')] };
    },
  });
}

/** Changes the configuration as an operator would, and resolves when nginx uses it. */
export async function reloadWith({ folder, pid }: Balancer, change: (config: string) => string): Promise<void> {
  const file = join(folder, 'chat.conf');
  await writeFile(file, change(await readFile(file, 'utf8')));
  const workers = () => readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').then((pids) => pids.trim().split(' '));
  const before = await workers();
  process.kill(pid, 'SIGHUP');
  // The old workers stay for their websockets, but say so, and take no new connection.
  await eventually(async () => {
    for (const worker of before) {
      const title = await readFile(`/proc/${worker}/cmdline`, 'utf8').catch(() => 'shutting down');
      if (!title.includes('shutting down')) throw new Error('nginx has not reloaded yet');
    }
  });
}

/** More than one, as on every machine: what a worker learns of a gateway is to be known to all. */
const WORKERS = 2;

function around(folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return [
    'daemon off;',
    // As root it would change to a user who may not exist here.
    ...(process.getuid?.() === 0 ? ['user root;'] : []),
    `worker_processes ${WORKERS};`,
    `pid ${folder}/nginx.pid;`,
    'events { worker_connections 2000; }',
    'http {',
    ...temporary.map((name) => `${name}_temp_path ${folder}/${name};`),
    `include ${folder}/chat.conf;`,
    '}',
  ].join('\n');
}
