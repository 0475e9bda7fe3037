import { startEjabberd } from './ejabberd-arm.ts';
import { startOurs } from './our-arm.ts';
import { startInline, startJobs, startRelay } from './stock-arms.ts';
import type { Device, PlannedPair, Protocol } from './wire.ts';

export type ProcessKind = (typeof KINDS)[number];
/** All that costs CPU, in the order in which it is told. */
export const KINDS = ['postgres', 'redis', 'gateways', 'workers', 'ejabberd', 'generator'] as const;

export interface ArmOptions {
  pairs: number;
  /** Users who talk to nobody. */
  idle: number;
  /** Hears what takes time, or is out of the ordinary. */
  say(line: string): void;
  /** Hears what ended by itself: then the arm is dead. */
  log(line: string): void;
}

/** An arm that runs. Disposing of it ends all of its processes and removes its data. */
export interface RunningArm extends AsyncDisposable {
  protocol: Protocol;
  /** The other side's, and where the arm tells the sender's devices too, its own. */
  devicesPerMessage: 1 | 2;
  acks: boolean;
  pairs: PlannedPair[];
  idle: Device[];
  /** Where its messages are stored, if it stores them. */
  databaseUrl: string | undefined;
  processes: { name: ProcessKind; pid: number }[];
  /** Before each run: what should not be carried over from the run before. */
  tidy(): Promise<void>;
}

export interface Arm {
  name: string;
  about: string;
  start(options: ArmOptions): Promise<RunningArm>;
}

/** What stores nothing first. */
export const ARMS: readonly Arm[] = [
  { name: 'relay', about: 'Socket.IO and its Redis adapter, nothing stored', start: startRelay },
  { name: 'inline', about: 'insert and count per message in the gateway', start: startInline },
  { name: 'jobs', about: 'one BullMQ job per message', start: startJobs },
  { name: 'ours', about: 'lanes and natural batches', start: startOurs },
  { name: 'ejabberd', about: 'ejabberd with its archive in Postgres, XMPP over WebSocket', start: startEjabberd },
];
