/*
 * The crowd, in a process of its own, so that what it costs is not mistaken for latency of the others. Over IPC:
 *
 *   ◀ begin {port, users}       ▶ in-sync {at: [ms since the epoch of each client]}
 *   ◀ elsewhere {port}          (its clients lose their gateway)      ▶ in-sync {at}
 *   ◀ settle {lastSeq, badges}  ▶ settled {lost, wrongBadges, counts, cpuSeconds}
 */
import { setTimeout as delay } from 'node:timers/promises';
import { CrowdClient, type CrowdCounts, type CrowdUser } from './crowd-client.ts';

export type ToCrowd =
  | { type: 'begin'; port: number; users: CrowdUser[] }
  | { type: 'elsewhere'; port: number }
  /** Of each client, the last seq of its conversation: every message up to it is to be there, and to be its badge. */
  | { type: 'settle'; lastSeq: number[] };

export type FromCrowd =
  | { type: 'in-sync'; at: number[] }
  | { type: 'settled'; lost: number; wrongBadges: number; counts: CrowdCounts; cpuSeconds: number };

/** So many connect at a time in the beginning, which is not what is measured. */
const AT_ONCE = 100;
/** Everything that was sent is stored by now; this is for the way to the clients. */
const SETTLE_MS = 10_000;

const counts: CrowdCounts = { attempts: 0, refused: 0, duplicates: 0, extraSyncs: 0 };
let port = 0;
let clients: CrowdClient[] = [];
let at: number[] = [];
let next = 0;

process.on('disconnect', () => process.exit());
process.on('message', (message: ToCrowd) => {
  if (message.type === 'begin') begin(message);
  if (message.type === 'elsewhere') port = message.port;
  if (message.type === 'settle') void settle(message.lastSeq);
});

function begin(message: Extract<ToCrowd, { type: 'begin' }>): void {
  port = message.port;
  clients = message.users.map((user) => new CrowdClient(user, () => port, counts, inSync));
  for (next = 0; next < Math.min(AT_ONCE, clients.length); next++) clients[next]?.connect();
}

function inSync(): void {
  at.push(performance.timeOrigin + performance.now());
  clients[next++]?.connect();
  if (at.length < clients.length) return;
  tell({ type: 'in-sync', at });
  at = [];
}

async function settle(lastSeq: number[]): Promise<void> {
  const until = performance.now() + SETTLE_MS;
  const wrong = () => clients.filter(({ upTo, badge }, i) => upTo !== lastSeq[i] || badge !== lastSeq[i]).length;
  while (wrong() > 0 && performance.now() < until) await delay(20);
  const { user, system } = process.cpuUsage();
  tell({
    type: 'settled',
    lost: clients.reduce((sum, { upTo }, i) => sum + Math.max(0, (lastSeq[i] ?? 0) - upTo), 0),
    wrongBadges: clients.filter(({ badge }, i) => badge !== lastSeq[i]).length,
    counts,
    cpuSeconds: (user + system) / 1e6,
  });
}

function tell(message: FromCrowd): void {
  process.send?.(message);
}
