/*
 * When nothing more is sent: wait until everything is answered, let every device sync once more, and hold against each
 * other what they hold, what the store says by sync, what the API says, and what this process knows it sent.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Device } from './device.ts';
import type { Meter } from './meter.ts';
import { inParallel, type Population } from './population.ts';

/** Nothing has changed for so long, or everything is there: an emit that was lost leaves a device without a message. */
const QUIET_MS = 2_000;
/** For the last sync and the badges, beyond what was left of the time to settle. */
const CHECK_MS = 15_000;
const API_MS = 10_000;
const AT_ONCE = 40;
const LOOK_EVERY_MS = 50;
/** Sentences about what is wrong, of one process. */
const MOST_DETAILS = 20;

/** Counts in `meter` what is wrong, and returns sentences about some of it. */
export async function checkAll(population: Population, meter: Meter, settleSeconds: number): Promise<string[]> {
  const { talks, talking, idle, api } = population;
  const { counts } = meter;
  const details: string[] = [];
  const tell = (detail: string) => details.length < MOST_DETAILS && details.push(detail);
  const until = performance.now() + settleSeconds * 1_000;
  await rest(population, meter, until);

  const bySync = counts.bySync;
  const checked = new Set<Device>();
  await inParallel(AT_ONCE, talking, async (device) => {
    device.sync();
    const wait = Math.max(until, performance.now() + CHECK_MS) - performance.now();
    if (await inTime(device.whenReady(), wait)) checked.add(device);
    else tell(`${device.userId} was not in sync within ${Math.round(wait / 1_000)} s`);
  });
  counts.stale += counts.bySync - bySync;
  counts.unchecked += talking.length - checked.size;
  for (const { ledger, devices } of talks) {
    const before = { ...counts };
    ledger.settle([checked.has(devices[0]), checked.has(devices[1])]);
    for (const wrong of ['lost', 'gaps'] as const) {
      if (counts[wrong] > before[wrong]) tell(`${ledger.conversationId}: ${counts[wrong] - before[wrong]} ${wrong}`);
    }
  }

  await inParallel(AT_ONCE, [...checked], async (device) => {
    const problem = await badgeProblem(device, api);
    if (problem === undefined) return;
    counts.wrongBadges++;
    tell(problem);
  });
  for (const device of idle) {
    if (device.badge !== undefined && device.current) continue;
    counts.unchecked++;
    tell(`${device.userId} (idle) is not connected`);
  }
  return details;
}

/** Until every message is answered and heard, or at least nothing moves any more; `until` at the latest. */
async function rest({ talks, talking, idle }: Population, meter: Meter, until: number): Promise<void> {
  let heard = -1;
  let changedAt = performance.now();
  while (performance.now() < until) {
    const back = [...talking, ...idle].every(({ current }) => current);
    if (back && meter.inFlight === 0 && talks.every(({ ledger }) => ledger.atRest)) return;
    const sum = meter.counts.delivered + meter.counts.acked + meter.connected;
    if (sum !== heard) changedAt = performance.now();
    heard = sum;
    if (back && meter.inFlight === 0 && performance.now() - changedAt > QUIET_MS) return;
    await delay(LOOK_EVERY_MS);
  }
}

/** A sentence when the badge stays wrong; it may be on its way for a while. */
async function badgeProblem(device: Device, api: Population['api']): Promise<string | undefined> {
  for (const until = performance.now() + CHECK_MS; ; device.sync()) {
    const byApi = await api.unread(device.token, API_MS).catch(() => undefined);
    const { userId, badge, unreadBySync } = device;
    const known = unreadKnown(device);
    if (badge === byApi && unreadBySync === byApi && (known === undefined || known === byApi)) return undefined;
    if (performance.now() > until) {
      return `${userId}: shows ${badge}, the API says ${byApi}, sync ${unreadBySync}, and ${known ?? '?'} messages are unread`;
    }
    await delay(4 * LOOK_EVERY_MS);
  }
}

/** What the badge of a device is to be, by what this process knows; undefined: there was something unread before. */
export function unreadKnown({ seats }: Device): number | undefined {
  let sum = 0;
  for (const { ledger, side } of seats.values()) {
    const unread = ledger.unreadOf(side);
    if (unread === undefined) return undefined;
    sum += unread;
  }
  return sum;
}

/** False when it takes longer. */
async function inTime(promise: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  return Promise.race([promise.then(() => true), late]).finally(() => clearTimeout(timer));
}
