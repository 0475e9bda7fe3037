import { setTimeout as delay } from 'node:timers/promises';
import { signToken } from '@chat-cluster/local-cluster';
import { between, type ControlledService, newUser, oneOf } from '@chat-cluster/testkit';
import { acknowledgedAtOnce, answeredWithin, gatewaysLiveOn, socketsStayConnected } from '../expectations.ts';
import type { Fault, RoundOutcome, World } from '../fault.ts';
import { type MemoryWatch, watchMemory } from '../memory.ts';
import { letNewcomersCome } from '../newcomers.ts';
import { quantile } from '../quantile.ts';
import { STRANGERS, type Stranger, sendStranger } from '../strangers.ts';

const BURSTS = 4;
/** Over all gateways: half of what comes opens a session, which is far more than a gateway takes in at once. */
const STRANGERS_PER_BURST = 1_000;
/** About a hundred in the time of the bursts, so that p99 is not one unlucky connect. */
const NEWCOMERS_PER_SECOND = 20;
const NEWCOMER_P99_MS = 2_000;
const CLOSED_WITHIN_MS = 10_000;
/** What is not closed by then is not waited for. */
const WATCHED_MS = 14_000;
/** A connection costs about 30 kB; BURSTS of them on one of three gateways 40 MB. */
const GROWTH_MB = 120;

/** Thousands of connections that never authenticate, in bursts, while others talk and new users connect. */
export const handshakeFlood: Fault = {
  id: 'F17',
  title: 'a flood of connections that never authenticate',
  async inject(world) {
    const { cluster, random } = world;
    const memory = cluster.gateways.map((gateway) => [gateway, watchMemory(gateway.pid())] as const);
    const newcomers = letNewcomersCome(cluster, NEWCOMERS_PER_SECOND);
    const strangers: Stranger[] = [];
    for (let burst = 0; burst < BURSTS; burst++) {
      strangers.push(...flood(world));
      await delay(between(random, 1_000, 2_000));
    }
    const connects = await newcomers.stop();
    return {
      lastsMs: 0,
      async heal() {
        const deadline = performance.now() + WATCHED_MS;
        while (strangers.some(({ gone }) => !gone) && performance.now() < deadline) await delay(50);
        for (const [, watch] of memory) watch.stop();
        for (const stranger of strangers) stranger.leave();
      },
      figures: () =>
        `${connects.length} new users connected, p99 ${Math.round(quantile(connects, 0.99))} ms; ` +
        `gateways grew by ${memory.map(([, { grewMb }]) => grewMb).join(', ')} MB; ` +
        `strangers were kept for up to ${Math.round(Math.max(...strangers.map(({ keptMs }) => keptMs)))} ms`,
      expect: (outcome) => [
        ...connectsSoon(connects, outcome),
        ...strangersAreClosed(strangers, outcome),
        ...memoryIsBounded(memory),
      ],
    };
  },
  expect: (outcome) => [
    ...gatewaysLiveOn(outcome),
    ...socketsStayConnected(outcome),
    ...answeredWithin(outcome, 3_000),
    ...acknowledgedAtOnce(outcome),
  ],
};

function flood({ cluster, random }: World): Stranger[] {
  const forged = signToken(newUser('stranger'), 'a secret of somebody else, 32 characters');
  return Array.from({ length: STRANGERS_PER_BURST }, () =>
    sendStranger(oneOf(random, cluster.gateways).port, oneOf(random, STRANGERS), forged),
  );
}

function connectsSoon(connects: readonly number[], { patience }: RoundOutcome): string[] {
  const p99 = quantile(connects, 0.99);
  if (p99 < NEWCOMER_P99_MS * patience) return [];
  const never = connects.filter((ms) => ms === Number.POSITIVE_INFINITY).length;
  return [`new users needed ${Math.round(p99)} ms to connect (p99 of ${connects.length}), ${never} never got in`];
}

/** One sentence for each kind of them. */
function strangersAreClosed(strangers: readonly Stranger[], { patience }: RoundOutcome): string[] {
  const kept = strangers.filter(({ keptMs }) => keptMs > CLOSED_WITHIN_MS * patience);
  return [...Map.groupBy(kept, ({ kind }) => kind)].map(([kind, those]) => {
    const longest = Math.max(...those.map(({ keptMs }) => keptMs));
    return `${those.length} strangers of the kind "${kind}" were kept for more than ${CLOSED_WITHIN_MS} ms, up to ${Math.round(longest)} ms`;
  });
}

function memoryIsBounded(watches: readonly (readonly [ControlledService, MemoryWatch])[]): string[] {
  return watches.flatMap(([{ name }, { grewMb }]) =>
    grewMb > GROWTH_MB ? [`${name} grew by ${grewMb} MB, more than ${GROWTH_MB}`] : [],
  );
}
