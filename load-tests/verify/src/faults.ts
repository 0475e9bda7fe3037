import type { Fault } from './fault.ts';
import { clocksDiffer } from './faults/clock-skew.ts';
import { balancerRestarted, rollingRestart } from './faults/deploys.ts';
import { handshakeFlood } from './faults/handshake-flood.ts';
import { malformedPackets } from './faults/malformed-packets.ts';
import { migratedUnderLoad, type UpgradeOptions, upgrade } from './faults/migrations.ts';
import { poison } from './faults/poison.ts';
import { postgresDiskFull, postgresRestarted, postgresSlow } from './faults/postgres-faults.ts';
import {
  gatewayKilled,
  processPaused,
  startedInAnyOrder,
  workerCutOff,
  workerKilled,
  workerPaused,
} from './faults/process-faults.ts';
import { reconnectStorm } from './faults/reconnect-storm.ts';
import {
  gatewayCutOff,
  redisFailover,
  redisFull,
  redisHung,
  redisRestarted,
  scriptsFlushed,
  sentTwice,
} from './faults/redis-faults.ts';
import { slowConsumers } from './faults/slow-consumer.ts';

/** The catalogue, in the order in which it runs, with this upgrade. */
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
  gatewayCutOff,
  workerCutOff,
  sentTwice,
  workerPaused,
  poison,
  slowConsumers,
  handshakeFlood,
  malformedPackets,
  clocksDiffer,
  reconnectStorm,
  balancerRestarted,
  scriptsFlushed,
  startedInAnyOrder,
  processPaused,
  migratedUnderLoad,
  upgrade(options),
];

export const FAULTS = faultsWith({});
