import { between, eventually, type NetworkFault, oneOf, queryPostgres, type SendAttempt } from '@chat-cluster/testkit';
import pg from 'pg';
import { clientsUnaffected, lanesAckWithin } from '../expectations.ts';
import type { Fault, FaultContext, RoundOutcome } from '../fault.ts';
import { countDeadLetters } from '../processes/dead-letters.ts';

/** An immediate stop, a kill, or a reset of every connection, as in a crash or a failover. */
export const postgresRestarted: Fault = {
  id: 'F8',
  title: 'Postgres crashes, or resets its connections',
  async inject(context) {
    const { cluster, random } = context;
    const how = oneOf(random, ['SIGQUIT', 'SIGKILL', 'reset'] as const);
    const lastsMs = between(random, 500, 4_000);
    if (how !== 'reset') {
      await cluster.postgres.kill(how);
      return { lastsMs, heal: () => cluster.postgres.start() };
    }
    setLinks(context, { kind: 'reset' });
    return { lastsMs: lastsMs / 4, heal: async () => setLinks(context, { kind: 'pass' }) };
  },
  expect: clientsUnaffected,
};

/** Odd rounds: each round trip takes 0.5 s. Even rounds: another session locks the table of messages. */
export const postgresSlow: Fault = {
  id: 'F9',
  title: 'Postgres is slow, or its table is locked',
  async inject(context) {
    const { cluster, random, round } = context;
    const lastsMs = between(random, 2_000, 8_000);
    if (round % 2 === 1) {
      setLinks(context, { kind: 'delay', ms: 250, jitterMs: 20 });
      return { lastsMs, heal: async () => setLinks(context, { kind: 'pass' }) };
    }
    const session = new pg.Client({ connectionString: cluster.postgres.url });
    await session.connect();
    await session.query('begin; lock table messages in access exclusive mode');
    return { lastsMs, heal: () => session.end() };
  },
  expect: clientsUnaffected,
};

/** Time from the moment when the address leads to the new primary until every lane must acknowledge, in ms. */
const FAILOVER_LIMIT_MS = 10_000;

/**
 * Odd rounds: the old primary keeps its connections and becomes read-only. Even rounds: it restarts as a standby, and
 * for a while the address still leads to it.
 */
export const postgresFailover: Fault = {
  id: 'F31',
  title: 'Postgres fails over behind one address; the old primary lives on read-only',
  cluster: { postgresStandby: true },
  freshCluster: true,
  async inject({ cluster, round }) {
    await cluster.failOverPostgres?.(round % 2 === 1 ? 'fenced' : 'restarted');
    return { lastsMs: 0, heal: async () => undefined };
  },
  expect: (outcome, { cluster }) => [
    ...clientsUnaffected(outcome),
    ...lanesAckWithin({ ...outcome, from: outcome.to }, cluster.lanes, FAILOVER_LIMIT_MS),
  ],
};

/** Size of the disk: an empty database needs about 60 MB; the rest is room for the write-ahead log of some rounds. */
const DISK_MB = 110;
/** Time until Postgres must run again after there is room, in ms. */
const RESTART_TIMEOUT_MS = 30_000;

/**
 * Odd rounds: tables cannot grow. Even rounds: the write-ahead log cannot grow either, which ends Postgres. Postgres
 * may not start again while the disk is full; as a supervisor would, the fault starts it once there is room.
 */
export const postgresDiskFull: Fault = {
  id: 'F10',
  title: 'the disk of Postgres is full',
  cluster: { postgresDiskMb: DISK_MB },
  freshCluster: true,
  async inject({ cluster, random, round }) {
    const { postgres, postgresDisk: disk } = cluster;
    const lettersBefore = await countDeadLetters(postgres.url);
    const pid = postgres.pid();
    postgres.expectExit();
    disk?.fill();
    // Ends the current segment of the log, so that the next record needs a new one.
    if (round % 2 === 0) await queryPostgres(postgres.url, 'select pg_switch_wal()').catch(() => {});
    let letters = 0;
    return {
      lastsMs: between(random, 3_000, 10_000),
      async heal() {
        disk?.free();
        letters = await eventually(async () => {
          await postgres.start();
          return countDeadLetters(postgres.url);
        }, RESTART_TIMEOUT_MS);
      },
      expect(outcome) {
        const hadEffect = postgres.pid() !== pid || outcome.history.sends.some((send) => failedDuring(send, outcome));
        return [
          ...(letters > lettersBefore ? [`${letters - lettersBefore} messages became dead letters`] : []),
          ...(hadEffect ? [] : ['the disk was never full for Postgres, so the round tests nothing']),
        ];
      },
    };
  },
  expect: clientsUnaffected,
};

/** True for a send that was not acknowledged, or only after there was room again. */
function failedDuring({ at, outcome }: SendAttempt, { from, to }: RoundOutcome): boolean {
  return at >= from && at <= to && (outcome.kind !== 'acked' || outcome.at > to);
}

function setLinks({ cluster }: FaultContext, fault: NetworkFault): void {
  for (const { postgres } of [...cluster.gateways, ...cluster.workers]) postgres.set(fault);
}
