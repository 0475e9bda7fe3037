import type { LeanTls } from '@chat-cluster/testkit/lean-client';
import type { Meter } from './meter.ts';

/** What all devices of a process share. */
export interface Surroundings {
  url: string;
  tls: LeanTls | undefined;
  meter: Meter;
  /** Of every message. */
  content: string;
  /** False: what was refused is given up. */
  resend: boolean;
}
