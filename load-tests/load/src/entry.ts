import { Held, Live } from './held.ts';

/** Which of the two users. */
export type Side = 0 | 1;

/** A message under way. */
export interface Entry {
  readonly number: number;
  readonly sender: Side;
  /** When it was to be sent, whatever became of it: on the clock of performance.now(). */
  readonly intended: number;
  attempts: number;
  /** Of the first attempt: the connection, and the newest seq that its sender had an ack of by then. */
  connection: number;
  ackedBefore: number;
  /** 0 while nobody has heard it. */
  seq: number;
  acked: boolean;
  ackedAt: number;
  /** It may be stored or not, and nobody tries again. */
  givenUp: boolean;
  /** A bit for each side that holds it. */
  heardBy: number;
}

/** As much of a stored message as is looked at. */
export interface Heard {
  seq: number;
  senderId: string;
  clientMessageId: string;
}

/** One side of a conversation. */
export interface Place {
  readonly userId: string;
  readonly held: Held;
  live: Live;
  /** Of messages of the other user that it holds and has not read, as far as it knows. */
  unread: number[];
  readMark: number;
  /** The newest seq that an ack to it named. */
  acked: number;
  /** Of its messages with one attempt, the last sent of those acknowledged. */
  newest: { connection: number; number: number; seq: number };
  /** What was there before this run: not looked at. undefined until the first sync. */
  base: number | undefined;
  /** By the last answer to sync. */
  lastSeq: number;
}

/** A side that has heard nothing yet. */
export function newPlace(userId: string): Place {
  return {
    userId,
    held: new Held(),
    live: new Live(),
    unread: [],
    readMark: 0,
    acked: 0,
    newest: { connection: 0, number: 0, seq: 0 },
    base: undefined,
    lastSeq: 0,
  };
}
