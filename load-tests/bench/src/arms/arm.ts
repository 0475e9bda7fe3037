import type { Log } from '../experiment.ts';
import type { TrafficPlan } from '../traffic/connect-conversations.ts';
import type { Device } from '../traffic/connection.ts';

/** Everything that costs CPU, in the order of the tables. */
export const PROCESS_KINDS = ['postgres', 'redis', 'gateways', 'workers', 'ejabberd', 'generator'] as const;
export type ProcessKind = (typeof PROCESS_KINDS)[number];

/** One of the systems that an experiment puts under load. */
export interface Arm {
  name: string;
  about: string;
  /** `undo` receives everything that ends the arm and removes its data. */
  start(options: ArmOptions, undo: AsyncDisposableStack): Promise<RunningArm>;
}

export interface ArmOptions {
  pairs: number;
  /** Users without a conversation. */
  idle: number;
  /** Groups with a room, beside the pairs, that each idle user is a member of. Default: none. */
  groups?: number;
  log: Log;
  /** Called when one of the processes ends by itself: the figures of this arm are void. */
  onUnexpectedExit(line: string): void;
}

/** A running arm with its planned conversations. */
export interface RunningArm extends TrafficPlan {
  idle: Device[];
  /** The database with its messages, if it stores them. */
  databaseUrl: string | undefined;
  processes: { name: ProcessKind; pid: number }[];
  /** Removes the data of the last run. Called before each run. */
  reset?(): Promise<void>;
}
