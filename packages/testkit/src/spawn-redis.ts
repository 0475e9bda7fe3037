import { type RedisProgram, type ServerProcess, spawnServer } from '@chat-cluster/local-cluster';

/** A Redis with a configuration of the caller's; its log is `redis.log` in `folder`. */
export function spawnRedis(
  { program, env }: RedisProgram,
  configFile: string,
  folder: string,
  mode: string[] = [],
): Promise<ServerProcess> {
  return spawnServer({
    command: [program, configFile, ...mode],
    cwd: folder,
    env: { PATH: process.env.PATH, LC_ALL: 'C', ...env },
    logFile: `${folder}/redis.log`,
    deathSignal: 'TERM',
  });
}
