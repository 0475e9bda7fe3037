import { UserError } from '@chat-cluster/runtime';
import { type FaultCluster, seededRandom, startFaultCluster, VIOLATIONS } from '@chat-cluster/testkit';
import type { Fault } from './fault.ts';
import type { VerifyOptions } from './options.ts';
import { type RoundReport, runRound } from './round.ts';
import { saveHistory, saveLogs } from './saved-history.ts';
import { LEGEND, rowsTable, table } from './table.ts';
import { addRound, newTally, type Tally, wrongs } from './tally.ts';

/** Runs the faults and tells of them line by line; resolves with the exit code. */
export async function verify(options: VerifyOptions, say: (line: string) => void): Promise<number> {
  const started = performance.now();
  say(`seed ${options.seed}: npm run verify -- --seed ${options.seed} makes the same choices again`);
  const tallies: Tally[] = [];
  for (const fault of options.faults) tallies.push(await runFault(fault, options, say));
  say(`\n${table(tallies)}\n\n${LEGEND}\n`);
  const wrong = tallies.filter((tally) => wrongs(tally) > 0).map(({ fault }) => fault);
  const sum = (of: (tally: Tally) => number) => tallies.reduce((total, tally) => total + of(tally), 0);
  const what =
    `${sum(({ rounds }) => rounds)} rounds of ${tallies.length} faults in ${Math.round((performance.now() - started) / 1_000)} s, ` +
    `${sum(({ acked }) => acked)} messages acknowledged`;
  say(
    wrong.length === 0
      ? `Every promise held: ${what}, 0 lost, 0 stored twice, 0 wrong.`
      : `Promises were broken under ${wrong.join(', ')}: ${what}, ${sum(wrongs)} findings.`,
  );
  return wrong.length === 0 ? 0 : 1;
}

let running: Promise<FaultCluster> | undefined;
let stopped = false;

/** Ends the cluster that runs now and all its processes; no other one starts. `verify` is not to be waited for then. */
export async function stopVerify(): Promise<void> {
  stopped = true;
  await stopCluster();
}

async function stopCluster(): Promise<void> {
  const cluster = await running?.catch(() => undefined);
  running = undefined;
  await cluster?.[Symbol.asyncDispose]();
}

async function runFault(fault: Fault, options: VerifyOptions, say: (line: string) => void): Promise<Tally> {
  const tally = newTally(fault);
  say(`\n${fault.id}  ${fault.title}`);
  let cluster: FaultCluster | undefined;
  const close = async () => {
    await stopCluster();
    cluster = undefined;
  };
  const rounds =
    options.round === undefined ? Array.from({ length: options.rounds }, (_, i) => i + 1) : [options.round];
  try {
    for (const round of rounds) {
      const started = performance.now();
      const took = () => `${((performance.now() - started) / 1_000).toFixed(0)} s`;
      try {
        if (stopped) return new Promise(() => {});
        const seed = `${options.seed}/${fault.id}`;
        running ??= startCluster(fault, seed, round);
        cluster = await running;
        const { pairs, rate } = options;
        const report = await runRound(fault, cluster, { seed: options.seed, round, pairs, rate });
        addRound(tally, report);
        say(`  round ${round}  ${summary(report)}  (${took()})`);
        if (isWrong(report)) explain(fault, round, cluster, options, report, say);
        if (fault.fresh || isWrong(report)) await close();
      } catch (error) {
        if (stopped) return new Promise(() => {});
        tally.failed++;
        const why = error instanceof UserError ? error.message : (error as Error).stack;
        say(`  round ${round}  could not be carried out (${took()}): ${why}`);
        const which = { fault: fault.id, seed: options.seed, round };
        if (cluster) say(`    logs      ${saveLogs(which, cluster.logsDir)}`);
        await close();
        // What this machine does not allow it will not allow in the next round either.
        if (error instanceof UserError) break;
      }
    }
  } finally {
    await close();
  }
  if (tally.rows.length > 0) say(`\n${rowsTable(tally.rows)}`);
  return tally;
}

async function startCluster({ cluster }: Fault, seed: string, round: number): Promise<FaultCluster> {
  const options = typeof cluster === 'function' ? await cluster(seededRandom(`${seed}/${round}/cluster`)) : cluster;
  return startFaultCluster({ random: seededRandom(`${seed}/network`), ...options });
}

function isWrong({ verdict, breaches, healMs }: RoundReport): boolean {
  return verdict.violations.length > 0 || breaches.length > 0 || healMs === undefined;
}

/** Rest that takes longer is worth a word, even if it comes. */
const SLOW_REST_MS = 10_000;

function summary({ verdict, breaches, healMs, figures, rest }: RoundReport): string {
  const { seen, violations } = verdict;
  const refused = Object.entries(seen.refused).map(([code, count]) => `${count} ${code}`);
  const wrong = violations.length + breaches.length;
  return [
    wrong === 0 && healMs !== undefined ? '✔' : '✖',
    `${seen.messages} sent, ${seen.acked} acked,`,
    wrong === 0 ? 'nothing wrong,' : `${wrong} WRONG,`,
    healMs === undefined ? 'never healed' : `healed in ${(healMs / 1_000).toFixed(1)} s`,
    ...(figures === undefined ? [] : [`[${figures}]`]),
    ...(rest.ms > SLOW_REST_MS ? [`[at rest only after ${(rest.ms / 1_000).toFixed(0)} s: ${rest.last}]`] : []),
    ...(refused.length > 0 ? [`[tried again: ${refused.join(', ')}]`] : []),
  ].join(' ');
}

/** How many findings of each kind are told; the saved history has them all. */
const TOLD = 3;

function explain(
  fault: Fault,
  round: number,
  cluster: FaultCluster,
  options: VerifyOptions,
  report: RoundReport,
  say: (line: string) => void,
) {
  const { history, verdict, breaches, from, to, healMs } = report;
  const rules = [...breaches, ...(healMs === undefined ? ['some lane never acknowledged and delivered again'] : [])];
  for (const [kind, found] of Map.groupBy(verdict.violations, (violation) => violation.kind)) {
    say(`    ${found.length} ${kind}: ${VIOLATIONS[kind]}`);
    for (const { detail } of found.slice(0, TOLD)) say(`      ${detail}`);
    if (found.length > TOLD) say(`      … and ${found.length - TOLD} more`);
  }
  for (const rule of rules) say(`    rule of the fault: ${rule}`);
  const which = { fault: fault.id, seed: options.seed, round };
  const file = saveHistory({ ...which, from, to, breaches: rules, history });
  say(`    history   ${file}`);
  say(`    logs      ${saveLogs(which, cluster.logsDir)}`);
  say(`    replay    npm run verify -- ${fault.id} --seed ${options.seed} --round ${round}`);
  say(`    re-check  npm run verify -- --check ${file}`);
}
