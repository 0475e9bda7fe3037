import { setTimeout as delay } from 'node:timers/promises';
import { signToken } from '@chat-cluster/local-cluster';
import { between, type ControlledService, newUser, oneOf, quantile } from '@chat-cluster/testkit';
import { growthMb, watchMemory } from '@chat-cluster/testkit/processes';
import { connectNewUsers } from '../clients/new-users.ts';
import { openUnauthenticated, UNAUTHENTICATED_KINDS, type UnauthenticatedClient } from '../clients/unauthenticated.ts';
import { noVisibleEffect } from '../expectations.ts';
import type { Fault, FaultContext, RoundOutcome } from '../fault.ts';
import { waitUntil } from '../wait-until.ts';

const BURSTS = 4;
/** Connections of one burst, over all gateways. Half of them open a session, far more than a gateway admits at once. */
const CONNECTIONS_PER_BURST = 1_000;
/** About 100 during the bursts, so that p99 is not a single slow connect. */
const NEW_USERS_PER_SECOND = 20;
const CONNECT_P99_LIMIT_MS = 2_000;
/** Time within which a gateway must close a connection that does not authenticate, in ms. */
const CLOSE_LIMIT_MS = 10_000;
/** How long the connections are watched, in ms. */
const WATCH_MS = 14_000;
/** Largest growth of a gateway, in MB. A connection costs about 30 kB: all bursts cost one of three gateways 40 MB. */
const GROWTH_LIMIT_MB = 120;

/** Thousands of connections that never authenticate, in bursts, during ordinary traffic and connects of new users. */
export const unauthenticatedFlood: Fault = {
  id: 'F17',
  title: 'a flood of connections that never authenticate',
  clients: 'mixed',
  async inject(context) {
    const { cluster, random } = context;
    const memory = watchMemory(cluster.gateways.map((gateway) => gateway.pid()));
    const newUsers = connectNewUsers(cluster, NEW_USERS_PER_SECOND);
    const flood: UnauthenticatedClient[] = [];
    for (let burst = 0; burst < BURSTS; burst++) {
      flood.push(...openBurst(context));
      await delay(between(random, 1_000, 2_000));
    }
    const connectsMs = await newUsers.stop();
    return {
      lastsMs: 0,
      async heal() {
        await waitUntil(() => flood.every(({ ended }) => ended), WATCH_MS);
        await memory.stop();
        for (const client of flood) client.close();
      },
      figures: () =>
        `${connectsMs.length} new users connected, p99 ${Math.round(quantile(connectsMs, 0.99))} ms; ` +
        `gateways grew by ${memory.samples.map((samples) => growthMb(samples)).join(', ')} MB; ` +
        `the flood was kept for up to ${Math.round(Math.max(...flood.map(({ keptMs }) => keptMs)))} ms`,
      expect: (outcome) => [
        ...newUsersConnectSoon(connectsMs, outcome),
        ...floodIsClosed(flood, outcome),
        ...memoryIsBounded(cluster.gateways, memory.samples),
      ],
    };
  },
  expect: noVisibleEffect,
};

function openBurst({ cluster, random }: FaultContext): UnauthenticatedClient[] {
  const forgedToken = signToken(newUser('stranger'), 'a secret that no gateway has, 32 characters');
  return Array.from({ length: CONNECTIONS_PER_BURST }, () =>
    openUnauthenticated(oneOf(random, cluster.gateways).port, oneOf(random, UNAUTHENTICATED_KINDS), forgedToken),
  );
}

function newUsersConnectSoon(connectsMs: readonly number[], { deadlineFactor }: RoundOutcome): string[] {
  const p99 = quantile(connectsMs, 0.99);
  if (p99 < CONNECT_P99_LIMIT_MS * deadlineFactor) return [];
  const never = connectsMs.filter((ms) => ms === Number.POSITIVE_INFINITY).length;
  return [`new users needed ${Math.round(p99)} ms to connect (p99 of ${connectsMs.length}), ${never} never connected`];
}

/** One sentence for each kind that was kept too long. */
function floodIsClosed(flood: readonly UnauthenticatedClient[], { deadlineFactor }: RoundOutcome): string[] {
  const kept = flood.filter(({ keptMs }) => keptMs > CLOSE_LIMIT_MS * deadlineFactor);
  return [...Map.groupBy(kept, ({ kind }) => kind)].map(([kind, clients]) => {
    const longest = Math.max(...clients.map(({ keptMs }) => keptMs));
    return `${clients.length} connections of the kind "${kind}" were kept for more than ${CLOSE_LIMIT_MS} ms, up to ${Math.round(longest)} ms`;
  });
}

function memoryIsBounded(gateways: readonly ControlledService[], samples: readonly number[][]): string[] {
  return gateways.flatMap(({ name }, i) => {
    const growth = growthMb(samples[i]);
    return growth > GROWTH_LIMIT_MB ? [`${name} grew by ${growth} MB, more than ${GROWTH_LIMIT_MB}`] : [];
  });
}
