import { between, eventually, oneOf, type SendAttempt } from '@chat-cluster/testkit';
import pg from 'pg';
import { deadLetters, query } from '../dead-letters.ts';
import { gatewaysLiveOn, socketsStayConnected } from '../expectations.ts';
import type { Fault, RoundOutcome, World } from '../fault.ts';

/** As a crash and a failover do it: an immediate stop, a kill, or every connection reset. */
export const postgresRestarted: Fault = {
  id: 'F8',
  title: 'Postgres crashes, or resets its connections',
  async inject(world) {
    const { cluster, random } = world;
    const how = oneOf(random, ['SIGQUIT', 'SIGKILL', 'reset'] as const);
    const lastsMs = between(random, 500, 4_000);
    if (how !== 'reset') {
      await cluster.postgres.kill(how);
      return { lastsMs, heal: () => cluster.postgres.start() };
    }
    for (const link of linksOf(world)) link.set({ kind: 'reset' });
    return {
      lastsMs: lastsMs / 4,
      async heal() {
        for (const link of linksOf(world)) link.set({ kind: 'pass' });
      },
    };
  },
  expect: (outcome) => [...gatewaysLiveOn(outcome), ...socketsStayConnected(outcome)],
};

/** In turn: half a second for each round trip, and another session that locks the table of messages. */
export const postgresSlow: Fault = {
  id: 'F9',
  title: 'Postgres is slow, or its table is locked',
  async inject(world) {
    const { cluster, random, round } = world;
    const lastsMs = between(random, 2_000, 8_000);
    if (round % 2 === 1) {
      for (const link of linksOf(world)) link.set({ kind: 'delay', ms: 250, jitterMs: 20 });
      return {
        lastsMs,
        async heal() {
          for (const link of linksOf(world)) link.set({ kind: 'pass' });
        },
      };
    }
    const session = new pg.Client({ connectionString: cluster.postgres.url });
    await session.connect();
    await session.query('begin; lock table messages in access exclusive mode');
    return { lastsMs, heal: () => session.end() };
  },
  expect: (outcome) => [...gatewaysLiveOn(outcome), ...socketsStayConnected(outcome)],
};

/** What an empty database needs, about 60 MB, and room for some rounds of the write-ahead log. */
const DISK_MB = 110;
const RESUMES_WITHIN_MS = 30_000;

/**
 * In turn: tables cannot grow, and the write-ahead log cannot either, of which Postgres dies. It may not come back by
 * itself while the disk is full; then it is started once there is room, as a supervisor would.
 */
export const postgresDiskFull: Fault = {
  id: 'F10',
  title: 'the disk of Postgres is full',
  cluster: { postgresDiskMb: DISK_MB },
  fresh: true,
  async inject({ cluster, random, round }) {
    const { postgres, postgresDisk: disk } = cluster;
    const before = await deadLetters(postgres.url);
    const pid = postgres.pid();
    postgres.mayEnd();
    disk?.fill();
    // The rest of the present segment of the log is no more: the next record needs a new one.
    if (round % 2 === 0) await query(postgres.url, 'select pg_switch_wal()').catch(() => {});
    let kept = 0;
    return {
      lastsMs: between(random, 3_000, 10_000),
      async heal() {
        disk?.free();
        kept = await eventually(async () => {
          await postgres.start();
          return deadLetters(postgres.url);
        }, RESUMES_WITHIN_MS);
      },
      expect(outcome) {
        const noticed = postgres.pid() !== pid || outcome.history.sends.some((send) => failedDuring(send, outcome));
        return [
          ...(kept > before ? [`${kept - before} messages were given up`] : []),
          ...(noticed ? [] : ['Postgres never lacked room, so the round shows nothing']),
        ];
      },
    };
  },
  expect: (outcome) => [...gatewaysLiveOn(outcome), ...socketsStayConnected(outcome)],
};

/** Not acknowledged, or only once there was room again. */
function failedDuring({ at, outcome }: SendAttempt, { from, to }: RoundOutcome): boolean {
  return at >= from && at <= to && (outcome.kind !== 'acked' || outcome.at > to);
}

function linksOf({ cluster }: World) {
  return [...cluster.gateways, ...cluster.workers].map(({ postgres }) => postgres);
}
