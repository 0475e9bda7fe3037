import { type RedisProgram, type ServerProcess, spawnServer } from '@chat-cluster/local-cluster';

/** Starts a Redis with the given configuration file. Its log is `redis.log` in `folder`. */
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
