import type { Hole, ShownMessage } from '@chat-cluster/client';

/**
 * A message as the list shows it, with the marks below it. Marks belong to the message above them: then older messages
 * that are loaded later change no row that is already on the screen, and the list does not jump.
 */
export interface Row {
  readonly key: string;
  readonly message: ShownMessage;
  readonly isMine: boolean;
  /** When the message was stored or sent, in ms since 1970. */
  readonly at: number;
  /** The previous message is of the same group: same sender, same day, shortly before. */
  readonly continues: boolean;
  /** The next message is of the same group. */
  readonly isContinued: boolean;
  /** Messages that are not loaded, below this one. */
  readonly hole: Hole | undefined;
  /** A time on another day, which begins below this message. */
  readonly dayBelow: number | undefined;
  /** The messages below are new since the user looked last. */
  readonly newBelow: boolean;
  /** A guess of its height in px, used until it is on the screen and measured. */
  readonly estimate: number;
}
