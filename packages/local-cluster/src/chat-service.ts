import { join } from 'node:path';
import { repository } from './repository.ts';
import { type ServiceOptions, type ServiceProcess, startService } from './service-process.ts';

export interface ChatServiceOptions extends Omit<ServiceOptions, 'main'> {
  kind: 'gateway' | 'worker' | 'prober';
  /** Added to the environment of the process; wins over `process.env` and over the defaults below. */
  env: NodeJS.ProcessEnv;
  /** Folder of the repository that the service runs from, read at each start. Default: this one. */
  version?: () => string;
}

/**
 * Starts a gateway, a worker or a prober on loopback and waits until it is ready, see startService. Defaults: one
 * process, free ports, its name from `name`, warnings as JSON. The caller adds the URLs of the servers and the secret.
 */
export function startChatService(options: ChatServiceOptions): Promise<ServiceProcess> {
  const { kind, version = () => repository, ...service } = options;
  return startService({
    ...service,
    get main() {
      return join(version(), 'services', kind, 'src/main.ts');
    },
    env: {
      ...process.env,
      HOST: '127.0.0.1',
      PORT: '0',
      ADMIN_PORT: '0',
      GATEWAY_PROCESSES: '1',
      [`${kind.toUpperCase()}_NAME`]: options.name,
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
      LOG_FORMAT: 'json',
      ...options.env,
    },
  });
}
