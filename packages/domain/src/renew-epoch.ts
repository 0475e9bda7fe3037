import type { StoreEpoch } from '@chat-cluster/contracts';
import type { ClearableMessages, EpochSignal, StoreEpochs } from './ports.ts';

/**
 * Replaces the epoch `from` after a restore, and resolves with the current one. The cache is cleared before, because it
 * holds messages whose numbers are assigned again. May run several times and at once: one run replaces the epoch.
 */
export async function renewEpoch(
  { epochs, recent, signal }: { epochs: StoreEpochs; recent: ClearableMessages; signal: EpochSignal },
  from: StoreEpoch,
): Promise<StoreEpoch> {
  await recent.clear();
  const epoch = await epochs.renew(from);
  await signal.renewed();
  return epoch;
}
