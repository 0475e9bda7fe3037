import type { Fault } from './fault.ts';
import { clocksDiffer } from './faults/clock-skew.ts';
import { rollingRestart } from './faults/deploys.ts';
import { balancerRestarted } from './faults/load-balancer.ts';
import { malformedInput } from './faults/malformed-input.ts';
import { migratedUnderLoad, type UpgradeOptions, upgrade } from './faults/migrations.ts';
import { poisonMessages } from './faults/poison-messages.ts';
import { postgresDiskFull, postgresFailover, postgresRestarted, postgresSlow } from './faults/postgres-faults.ts';
import {
  gatewayKilled,
  processPaused,
  startedInAnyOrder,
  workerCutOff,
  workerKilled,
  workerPaused,
} from './faults/process-faults.ts';
import { reconnectStorm } from './faults/reconnect-storm.ts';
import { redisFailovers } from './faults/redis-failover.ts';
import {
  gatewayCutOff,
  redisFailover,
  redisFull,
  redisHung,
  redisRestarted,
  redisWiped,
  scriptsFlushed,
} from './faults/redis-faults.ts';
import { slowConsumers } from './faults/slow-consumers.ts';
import { tokensExpire } from './faults/token-expiry.ts';
import { unauthenticatedFlood } from './faults/unauthenticated-flood.ts';

/** The catalogue of faults, in the order in which they run. `options` apply to the upgrade (F26). */
export const faultsWith = (options: UpgradeOptions): readonly Fault[] => [
  gatewayKilled,
  workerKilled,
  rollingRestart(),
  redisRestarted,
  redisFailover,
  redisHung,
  redisFull,
  postgresRestarted,
  postgresSlow,
  postgresDiskFull,
  postgresFailover,
  gatewayCutOff,
  workerCutOff,
  redisWiped,
  workerPaused,
  poisonMessages,
  slowConsumers,
  unauthenticatedFlood,
  malformedInput,
  clocksDiffer,
  reconnectStorm,
  balancerRestarted,
  scriptsFlushed,
  startedInAnyOrder,
  processPaused,
  migratedUnderLoad,
  upgrade(options),
  ...redisFailovers,
  tokensExpire,
];

export const FAULTS = faultsWith({});
