import { randomBytes } from 'node:crypto';
import { clock, count, processCount } from './format.ts';
import { type Generators, startGenerators } from './generators.ts';
import { MergedResults, type Moment } from './merged-results.ts';
import type { LoadOptions } from './options.ts';
import { planAll } from './plans.ts';
import type { Progress } from './progress.ts';
import { type Report, reportOf } from './report.ts';
import { findTarget, tryTarget } from './target.ts';

const SECOND_MS = 1_000;

/**
 * One run: finds the cluster and tries it, starts generator processes, which connect, send and check, and merges their
 * results. Aborting `signal` ends the sending early. `args` are quoted in the report. Throws UserError, or the signal's
 * reason when it aborts before the first message.
 */
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

  const users = target.active.length;
  const idle = target.idle.length;
  const all = count(users + idle);
  const { duration, profile, rate } = options;
  const population = `${count(users)} active users${idle > 0 ? ` and ${count(idle)} idle ones` : ''}`;
  const scope = `${clock(duration)}, ${processCount(plans.length)}, against ${target.url}`;
  progress.line(`${profile}: ${count(rate)} msg/s, ${population}, ${scope}`);
  const results = new MergedResults(plans.length, options.warmUp);
  await using generators = startGenerators(plans, {
    sample: (process, sample) => results.add(process, sample),
    done: (process, done) => results.addLast(process, done),
    progress: (opened, connected) =>
      progress.step(`${count(opened)} conversations opened, ${count(connected)} of ${all} connected`),
  });
  await orAborted(generators.prepare(), signal);
  progress.line(`${all} connected`);
  const moments = await drive(generators, results, progress, signal);
  const complete = !signal.aborted;
  const processes = plans.length;
  return reportOf({ options, args, url: target.url, users, idle, processes, complete, results, moments });
}

/** Runs from the first message to the final check, and collects a moment every second. */
async function drive(
  generators: Generators,
  results: MergedResults,
  progress: Progress,
  signal: AbortSignal,
): Promise<Moment[]> {
  const moments: Moment[] = [];
  let phase = 'sending';
  const collect = () => {
    const moment = results.moment();
    if (!moment) return;
    moments.push(moment);
    progress.moment(moment, moment.at < 0 ? 'warming up' : phase);
  };
  const timer = setInterval(collect, SECOND_MS);
  const stop = () => generators.stop();
  signal.addEventListener('abort', stop);
  try {
    await generators.send();
    phase = 'checking';
    await generators.check();
    collect();
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
