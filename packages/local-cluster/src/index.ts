export { startChatService } from './chat-service.ts';
export { type Cluster, startCluster } from './cluster.ts';
export { type ClusterFile, readClusterFile, readServersFile } from './cluster-file.ts';
export type { ClusterOptions } from './cluster-options.ts';
export type { ClusterProcess, ClusterProcesses } from './cluster-processes.ts';
export { loadEnvFile, readDataDir } from './data-dir.ts';
export { unpackDebianPackage } from './debian-package.ts';
export { type DebianProgram, findProgram, hasProgram, programOnPath, type WantedProgram } from './debian-program.ts';
export { CHROMIUM, HAPROXY, NGINX, PGBOUNCER, PROMETHEUS } from './debian-programs.ts';
export { earlierVersion } from './earlier-version.ts';
export { clusterSecret, findCluster, readGivenFile } from './find-cluster.ts';
export { checkPort, freePort } from './free-port.ts';
export { type LocalPostgres, type PostgresOptions, startPostgres } from './postgres.ts';
export type { Step } from './progress.ts';
export { type LocalRedis, type RedisOptions, startRedis } from './redis.ts';
export { findRedis, type RedisProgram } from './redis-program.ts';
export { defaultDataFolder, repository, toolsFolder } from './repository.ts';
export { readSecret, secretFile } from './secret-file.ts';
export {
  continueAfterThisProcess,
  type EndStep,
  type ServerOptions,
  type ServerProcess,
  signalQuietly,
  spawnServer,
} from './server-process.ts';
export { type ServiceProcess, startService } from './service-process.ts';
export { signFreshToken, signToken } from './sign-token.ts';
export { until } from './until.ts';
export { buildWeb, type WebBuildOptions } from './web-build.ts';
