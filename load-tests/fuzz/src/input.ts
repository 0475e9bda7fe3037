/** One connection and what it sends. Everything in it is determined by the seed, so a saved input repeats itself. */
export interface Input {
  /** Seed and number: `7/42`. */
  id: string;
  generator: string;
  /** State of the connection before the first step. */
  opens: Opens;
  /** False: the client never reads, so the output of the gateway accumulates. */
  reads: boolean;
  /** Index of the user whose token replaces TOKEN. */
  user: number;
  /** Source address, in 127.0.0.0/8: limits per address must not hide faults. */
  address: string;
  steps: Step[];
}

/**
 * - `tcp`: a plain connection
 * - `websocket`: an Engine.IO session without a token
 * - `authenticated`: a websocket that has received its CONNECT
 * - `polling`, `authenticated-polling`: a plain connection; SID is that of a polling session on another connection
 */
export type Opens = 'tcp' | 'websocket' | 'authenticated' | 'polling' | 'authenticated-polling';

/** Writes bytes, waits, or ends the sending half of the connection. */
export type Step = { write: Buffer; times: number } | { waitMs: number } | { end: true };

/** What a generator makes: an input without the choices that all generators share. */
export interface Draft {
  opens: Opens;
  steps: Step[];
  reads?: boolean;
  user?: number;
}

/*
 * Placeholders for values that differ between clusters. Each has the length of its value, so that declared lengths of
 * bodies and frames stay correct.
 */
export const TOKEN = '@token@'.padEnd(200, '.');
export const SID = '@sid@'.padEnd(24, '.');
export const CONVERSATION_ID = '@conversation@'.padEnd(36, '.');
export const OTHER_USER_ID = '@other@'.padEnd(45, '.');

/** Index of the user whose conversation with OTHER_USER_ID has the id CONVERSATION_ID and a long history. */
export const PARTICIPANT = 0;

export function write(bytes: string | Buffer, times = 1): Step {
  return { write: Buffer.from(bytes as string), times };
}

/** `bytes` with each placeholder replaced by its value. */
export function fillIn(bytes: Buffer, values: Readonly<Record<string, string>>): Buffer {
  const filled = Buffer.from(bytes);
  for (const [placeholder, value] of Object.entries(values)) {
    if (value.length !== placeholder.length) throw new RangeError(`${placeholder} and its value differ in length`);
    for (let at = filled.indexOf(placeholder); at >= 0; at = filled.indexOf(placeholder, at + placeholder.length)) {
      filled.write(value, at, 'latin1');
    }
  }
  return filled;
}

type SavedStep = Exclude<Step, { write: Buffer }> | { write: string; times: number };
export type SavedInput = Omit<Input, 'steps'> & { steps: SavedStep[] };

/** For JSON: bytes as base64. */
export function toSaved(input: Input): SavedInput {
  const encoded = (step: Step) => ('write' in step ? { ...step, write: step.write.toString('base64') } : step);
  return { ...input, steps: input.steps.map(encoded) };
}

export function fromSaved(input: SavedInput): Input {
  const decoded = (step: SavedStep) => ('write' in step ? { ...step, write: Buffer.from(step.write, 'base64') } : step);
  return { ...input, steps: input.steps.map(decoded) };
}
