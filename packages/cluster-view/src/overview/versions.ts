import type { MixedVersions } from '@chat-cluster/contracts';
import type { Snapshot } from '../snapshots/snapshot.ts';

/**
 * The versions of the live processes, newest first, while there are several: normal during a rolling upgrade. A version
 * is as new as its oldest process. The mix began when the newest version started, which no reader has to have seen.
 */
export function mixedVersionsOf(live: readonly Snapshot[]): MixedVersions | undefined {
  const byVersion = Map.groupBy(live, ({ version }) => version);
  if (byVersion.size < 2) return undefined;
  const versions = [...byVersion]
    .map(([version, of]) => ({ version, processes: of.length, since: Math.min(...of.map((one) => one.startedAt)) }))
    .sort((a, b) => b.since - a.since);
  return { since: versions[0]?.since ?? 0, versions: versions.map(({ since: _, ...rest }) => rest) };
}
