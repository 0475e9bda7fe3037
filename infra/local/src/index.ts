export { type Cluster, type ClusterOptions, startCluster } from './cluster.ts';
export { type ClusterFile, readClusterFile } from './cluster-file.ts';
export { type LocalPostgres, type PostgresOptions, startPostgres } from './postgres.ts';
export type { Step } from './progress.ts';
export { type LocalRedis, type RedisOptions, startRedis } from './redis.ts';
export { defaultDataFolder, repository, toolsFolder } from './repository.ts';
export { type ServiceProcess, startService } from './service-process.ts';
export { signToken } from './sign-token.ts';
export { UserError } from './user-error.ts';
