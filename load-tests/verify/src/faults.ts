import type { Fault } from './fault.ts';
import { postgresRestarted } from './faults/postgres-faults.ts';
import { gatewayKilled, workerKilled } from './faults/process-faults.ts';
import { redisRestarted } from './faults/redis-faults.ts';

/** The catalogue, in the order in which it runs. */
export const FAULTS: readonly Fault[] = [gatewayKilled, workerKilled, redisRestarted, postgresRestarted];
