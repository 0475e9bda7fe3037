import { openTabChannel } from '../../ui/tab-channel.ts';

const CHANNEL = 'chat-sign-out';

/** Reports a sign-out to the other tabs of this origin. */
export function announceSignOut(): void {
  const channel = openTabChannel(CHANNEL);
  channel.post('signed out');
  channel.close();
}

/** Calls `run` when another tab signs out. Returns a function that ends it. */
export function onSignOutElsewhere(run: () => void): () => void {
  return openTabChannel(CHANNEL, run).close;
}
