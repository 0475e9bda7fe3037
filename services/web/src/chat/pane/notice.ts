import type { ChatStatus } from '@chat-cluster/client';

/** A notice about the connection, for the banner. */
export interface Notice {
  kind: 'info' | 'warn' | 'bad';
  text: string;
  /** The action that the banner offers. */
  action?: 'retry' | 'sign-in';
}

/** Time for which a connection that is being made is not reported, in ms. */
export const QUIET_MS = 2_500;

/** The notice for a status; undefined when it needs no attention. `now`: ms since 1970. */
export function noticeOf(status: ChatStatus, isOnline: boolean, now: number): Notice | undefined {
  const { state, since, error } = status;
  if (state === 'unauthorized') {
    return { kind: 'bad', text: `The server does not accept this sign-in: ${reason(error)}`, action: 'sign-in' };
  }
  if (state === 'signed_out') return { kind: 'warn', text: 'You are signed out.', action: 'sign-in' };
  if (state === 'live' || state === 'idle' || state === 'closed') return undefined;
  if (!isOnline) return { kind: 'warn', text: 'This device is offline. Messages are kept and sent later.' };
  if (state === 'waiting') return waiting(status, now);
  if (status.attempt === 0 && now - since < QUIET_MS) return undefined;
  if (state === 'catching_up') return { kind: 'info', text: 'Connected. Loading what you missed …' };
  return {
    kind: 'info',
    text: status.attempt > 0 ? `Connecting again (attempt ${status.attempt + 1}) …` : 'Connecting …',
  };
}

function waiting({ nextAttemptAt, attempt, since, error }: ChatStatus, now: number): Notice | undefined {
  // A connection that is replaced at once, for example during a deploy, needs no notice.
  if (attempt <= 1 && now - since < QUIET_MS) return undefined;
  // Every lost connection has the same reason for the user; other errors state more.
  const isLost = !error || error.code === 'CONNECTION_LOST';
  const text = isLost ? 'No connection to the server.' : `No connection: ${reason(error)}`;
  if (nextAttemptAt === undefined) return { kind: 'warn', text, action: 'retry' };
  const seconds = Math.max(0, Math.ceil((nextAttemptAt - now) / 1_000));
  return {
    kind: 'warn',
    text: `${text} ${seconds > 0 ? `Next attempt in ${seconds} s.` : 'Trying again …'}`,
    action: 'retry',
  };
}

function reason(error: ChatStatus['error']): string {
  if (!error) return 'no reason was given.';
  return /[.!?…]$/.test(error.message) ? error.message : `${error.message}.`;
}
