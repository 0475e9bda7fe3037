import type { ClusterOverview } from '@chat-cluster/contracts';
import type { Samples } from './samples.ts';

/** Prefix of the series of refused events and handshakes, one per error code. */
export const SHED = 'shed ';

/** Adds the figures that the charts show. */
export function recordOverview(samples: Samples, overview: ClusterOverview): void {
  const { flow, gateways, lanes } = overview;
  // A code that is not reported now, but was before, is at zero.
  const known = samples.names.filter((name) => name.startsWith(SHED)).map((name) => [name, 0] as const);
  const shed = Object.entries(flow.shedPerSecond).map(([code, rate]) => [`${SHED}${code}`, rate] as const);
  samples.add(overview.at, {
    accepted: flow.acceptedPerSecond,
    stored: flow.storedPerSecond,
    delivered: flow.deliveredPerSecond,
    ackP50: flow.ackP50Ms,
    ackP99: flow.ackP99Ms,
    deliveryP50: flow.deliveryP50Ms,
    deliveryP99: flow.deliveryP99Ms,
    lag: oldestEntry(lanes),
    connections: gateways.reduce((sum, gateway) => sum + gateway.connections, 0),
    ...Object.fromEntries([...known, ...shed]),
  });
}

/** Age of the oldest entry of all lanes that could be read; undefined when none could. */
export function oldestEntry(lanes: ClusterOverview['lanes']): number | undefined {
  const ages = lanes.filter(({ fault }) => fault === undefined).map(({ oldestMs }) => oldestMs);
  return ages.length === 0 ? undefined : Math.max(...ages);
}
