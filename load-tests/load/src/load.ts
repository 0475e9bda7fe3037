/*
 * One run: find the cluster, try it once, start generator processes, let them connect, send and check, and merge what they
 * tell. Ends early in good order when `signal` says so.
 */
import { randomBytes } from 'node:crypto';
import { clock, count } from './figures.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { Merge, type Moment } from './merge.ts';
import type { LoadOptions } from './options.ts';
import { planAll } from './plans.ts';
import type { Progress } from './progress.ts';
import { type Report, reportOf } from './report.ts';
import { findTarget, tryTarget } from './target.ts';

const SECOND_MS = 1_000;

/** `args` are told in the report. Throws UserError, or when `signal` comes before anything was sent. */
export async function load(
  options: LoadOptions,
  args: readonly string[],
  progress: Progress,
  signal: AbortSignal,
): Promise<Report> {
  const run = randomBytes(4).toString('hex');
  const target = findTarget(options, run);
  const plans = planAll(options, target, run);
  await tryTarget(target);
  signal.throwIfAborted();

  const { url, talking, idle } = target;
  const everybody = talking.length + idle.length;
  const { duration, profile, rate } = options;
  progress.line(
    `${profile}: ${count(rate)} msg/s, ${count(talking.length)} users${idle.length > 0 ? ` and ${count(idle.length)} idle ones` : ''}, ` +
      `${clock(duration)}, ${plans.length} ${plans.length === 1 ? 'process' : 'processes'}, against ${url}`,
  );
  const merge = new Merge(plans.length, options.warmUp);
  await using fleet = startFleet(plans, {
    sample: (process, sample) => merge.add(process, sample),
    done: (process, done) => merge.addLast(process, done),
    progress: (opened, connected) =>
      progress.step(`${count(opened)} conversations opened, ${count(connected)} of ${count(everybody)} connected`),
  });
  await orAborted(fleet.ready(), signal);
  progress.line(`${count(everybody)} connected`);
  const moments = await drive(fleet, merge, progress, signal);
  const complete = !signal.aborted;
  const users = talking.length;
  return reportOf({ options, args, url, users, idle: idle.length, processes: plans.length, complete, merge, moments });
}

/** From the first message to the last check. */
async function drive(fleet: Fleet, merge: Merge, progress: Progress, signal: AbortSignal): Promise<Moment[]> {
  const moments: Moment[] = [];
  let phase = 'sending';
  const look = () => {
    const moment = merge.moment();
    if (!moment) return;
    moments.push(moment);
    progress.moment(moment, moment.at < 0 ? 'warming up' : phase);
  };
  const timer = setInterval(look, SECOND_MS);
  const stop = () => fleet.stop();
  signal.addEventListener('abort', stop);
  try {
    fleet.start();
    await fleet.resting();
    phase = 'checking';
    await fleet.done();
    look();
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', stop);
  }
  return moments;
}

function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}
