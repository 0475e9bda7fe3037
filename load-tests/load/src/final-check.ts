import { setTimeout as delay } from 'node:timers/promises';
import { withDeadline } from '@chat-cluster/runtime';
import { mapConcurrently } from '@chat-cluster/testkit/lean-client';
import type { Device } from './device.ts';
import type { Meter } from './meter.ts';
import type { Population } from './population.ts';

/** Time without a change after which waiting ends: an event that was lost would never come. In ms. */
const QUIET_MS = 2_000;
/** Least time for the final sync of a device, and time for its badge to become right; in ms. */
const CHECK_MS = 15_000;
const API_MS = 10_000;
/** Devices checked at a time. */
const AT_ONCE = 40;
const POLL_MS = 50;
/** Most sentences about failures of one process. */
const MAX_DETAILS = 20;

/**
 * The check after the last message: waits until everything is answered and syncs every device once more. Then it
 * compares four states: the messages that the devices hold, the store (by sync), the API and the messages that were
 * sent. Counts failures in `meter` and returns sentences about the first ones.
 */
export async function finalCheck(population: Population, meter: Meter, settleSeconds: number): Promise<string[]> {
  const { conversations, active, idle, api } = population;
  const { counts } = meter;
  const details: string[] = [];
  const report = (detail: string) => details.length < MAX_DETAILS && details.push(detail);
  const until = performance.now() + settleSeconds * 1_000;
  await settle(population, meter, until);

  const bySync = counts.bySync;
  const synced = new Set<Device>();
  await mapConcurrently(active, AT_ONCE, async (device) => {
    device.sync();
    const ms = Math.max(until, performance.now() + CHECK_MS) - performance.now();
    await withDeadline(device.whenReady(), ms, 'sync').then(
      () => synced.add(device),
      () => report(`${device.userId} was not in sync within ${Math.round(ms / 1_000)} s`),
    );
  });
  counts.stale += counts.bySync - bySync;
  counts.unchecked += active.length - synced.size;
  for (const { checker, members } of conversations) {
    const before = { ...counts };
    checker.finish(members.map(({ device }) => synced.has(device)));
    for (const name of ['lost', 'gaps'] as const) {
      if (counts[name] > before[name]) report(`${checker.conversationId}: ${counts[name] - before[name]} ${name}`);
    }
  }

  await mapConcurrently([...synced], AT_ONCE, async (device) => {
    const problem = await badgeProblem(device, api);
    if (problem === undefined) return;
    counts.wrongBadges++;
    report(problem);
  });
  for (const device of idle) {
    if (device.core.badge !== undefined && device.isLive) continue;
    counts.unchecked++;
    report(`${device.userId} (idle) is not connected`);
  }
  return details;
}

/** Resolves when every message is acknowledged and delivered, when nothing changes for QUIET_MS, or at `until`. */
async function settle({ conversations, active, idle }: Population, meter: Meter, until: number): Promise<void> {
  let progress = -1;
  let changedAt = performance.now();
  while (performance.now() < until) {
    const answered = meter.inFlight === 0 && [...active, ...idle].every(({ isLive }) => isLive);
    if (answered && conversations.every(({ checker }) => checker.isComplete)) return;
    const { delivered, acked, changesDelivered } = meter.counts;
    const sum = delivered + acked + changesDelivered + meter.connected;
    if (sum !== progress) changedAt = performance.now();
    progress = sum;
    if (answered && performance.now() - changedAt > QUIET_MS) return;
    await delay(POLL_MS);
  }
}

/** A sentence when the badge is still wrong after CHECK_MS: its event may be on the way. */
async function badgeProblem(device: Device, api: Population['api']): Promise<string | undefined> {
  for (const until = performance.now() + CHECK_MS; ; device.sync()) {
    const byApi = await api.unread(device.token, API_MS).catch(() => undefined);
    const { userId, unreadBySync } = device;
    const { badge } = device.core;
    const expected = expectedBadge(device);
    if (badge === byApi && unreadBySync === byApi && (expected === undefined || expected === byApi)) return undefined;
    if (performance.now() > until) {
      return `${userId}: badge ${badge}, API ${byApi}, sync ${unreadBySync}, expected ${expected ?? 'unknown'}`;
    }
    await delay(4 * POLL_MS);
  }
}

/** The badge that follows from the messages sent and read here; undefined when older messages may be unread too. */
export function expectedBadge({ conversations }: Device): number | undefined {
  let sum = 0;
  for (const { checker, side } of conversations.values()) {
    const unread = checker.unreadOf(side);
    if (unread === undefined) return undefined;
    sum += unread;
  }
  return sum;
}
