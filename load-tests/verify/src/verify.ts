import { UserError } from '@chat-cluster/runtime';
import { type FaultCluster, seededRandom, startFaultCluster, VIOLATIONS } from '@chat-cluster/testkit';
import type { Fault } from './fault.ts';
import type { VerifyOptions } from './options.ts';
import { type RoundId, saveHistory, saveLogs } from './report/saved-history.ts';
import { LEGEND, rowsTable, table } from './report/table.ts';
import { addRound, countFindings, newTally, type Tally } from './report/tally.ts';
import { type RoundReport, runRound } from './round.ts';

type Print = (line: string) => void;

/** Runs the faults and prints their results line by line. Resolves with the exit code. */
export async function verify(options: VerifyOptions, print: Print): Promise<number> {
  const started = performance.now();
  print(`seed ${options.seed}: npm run verify -- --seed ${options.seed} makes the same choices again`);
  const tallies: Tally[] = [];
  for (const fault of options.faults) tallies.push(await runFault(fault, options, print));
  print(`\n${table(tallies)}\n\n${LEGEND}\n`);
  const broken = tallies.filter((tally) => countFindings(tally) > 0).map(({ fault }) => fault);
  const sum = (of: (tally: Tally) => number) => tallies.reduce((total, tally) => total + of(tally), 0);
  const what =
    `${sum(({ rounds }) => rounds)} rounds of ${tallies.length} faults in ${secondsSince(started)} s, ` +
    `${sum(({ acked }) => acked)} messages acknowledged`;
  print(
    broken.length === 0
      ? `Every guarantee was kept: ${what}, 0 lost, 0 stored twice, 0 findings.`
      : `Guarantees were broken under ${broken.join(', ')}: ${what}, ${sum(countFindings)} findings.`,
  );
  return broken.length === 0 ? 0 : 1;
}

let running: Promise<FaultCluster> | undefined;
let stopped = false;

/** Stops the running cluster; no other cluster starts. A pending call of `verify` never settles. */
export async function stopVerify(): Promise<void> {
  stopped = true;
  await stopCluster();
}

async function stopCluster(): Promise<void> {
  const cluster = await running?.catch(() => undefined);
  running = undefined;
  await cluster?.[Symbol.asyncDispose]();
}

async function runFault(fault: Fault, options: VerifyOptions, print: Print): Promise<Tally> {
  const tally = newTally(fault);
  print(`\n${fault.id}  ${fault.title}`);
  const rounds =
    options.round === undefined ? Array.from({ length: options.rounds }, (_, i) => i + 1) : [options.round];
  try {
    for (const round of rounds) {
      if (!(await tryRound(fault, round, tally, options, print))) break;
    }
  } finally {
    await stopCluster();
  }
  if (tally.rows.length > 0) print(`\n${rowsTable(tally.rows)}`);
  return tally;
}

/** Runs one round and adds it to the tally. Resolves with false when further rounds of the fault would fail as well. */
async function tryRound(
  fault: Fault,
  round: number,
  tally: Tally,
  { seed, pairs, rate, clients, groupSizes }: VerifyOptions,
  print: Print,
): Promise<boolean> {
  const started = performance.now();
  const id = { fault: fault.id, seed, round };
  let cluster: FaultCluster | undefined;
  try {
    if (stopped) return new Promise(() => {});
    running ??= startCluster(fault, `${seed}/${fault.id}`, round);
    cluster = await running;
    const report = await runRound(fault, cluster, { seed, round, pairs, rate, clients, groupSizes });
    addRound(tally, report);
    print(`  round ${round}  ${summary(report)}  (${secondsSince(started)} s)`);
    if (isWrong(report)) printFindings(id, cluster, report, print);
    if (fault.freshCluster || isWrong(report)) await stopCluster();
    return true;
  } catch (error) {
    if (stopped) return new Promise(() => {});
    tally.failed++;
    const reason = error instanceof UserError ? error.message : (error as Error).stack;
    print(`  round ${round}  could not be carried out (${secondsSince(started)} s): ${reason}`);
    if (cluster) print(`    logs      ${saveLogs(id, cluster.logsDir)}`);
    await stopCluster();
    // A UserError names a limit of this machine, such as a missing permission.
    return !(error instanceof UserError);
  }
}

async function startCluster({ cluster }: Fault, seed: string, round: number): Promise<FaultCluster> {
  const options = typeof cluster === 'function' ? await cluster(seededRandom(`${seed}/${round}/cluster`)) : cluster;
  return startFaultCluster({ random: seededRandom(`${seed}/network`), ...options });
}

function isWrong({ verdict, breaches, healMs }: RoundReport): boolean {
  return verdict.violations.length > 0 || breaches.length > 0 || healMs === undefined;
}

/** Settling that takes longer is mentioned in the summary, in ms. */
const SLOW_SETTLING_MS = 10_000;

function summary({ verdict, breaches, healMs, figures, settling }: RoundReport): string {
  const { seen, violations } = verdict;
  const refused = Object.entries(seen.refused).map(([code, count]) => `${count} ${code}`);
  const findings = violations.length + breaches.length;
  const slow = `settled only after ${(settling.ms / 1_000).toFixed(0)} s: ${settling.last}`;
  return [
    findings === 0 && healMs !== undefined ? '✔' : '✖',
    `${seen.messages} sent, ${seen.acked} acked,`,
    ...(seen.changed > 0 ? [`${seen.changed} changed,`] : []),
    findings === 0 ? 'nothing wrong,' : `${findings} WRONG,`,
    healMs === undefined ? 'never healed' : `healed in ${(healMs / 1_000).toFixed(1)} s`,
    ...(figures === undefined ? [] : [`[${figures}]`]),
    ...(settling.ms > SLOW_SETTLING_MS ? [`[${slow}]`] : []),
    ...(refused.length > 0 ? [`[retried: ${refused.join(', ')}]`] : []),
  ].join(' ');
}

/** Violations of each kind that are printed. The saved history has them all. */
const PRINTED_PER_KIND = 3;

function printFindings(id: RoundId, cluster: FaultCluster, report: RoundReport, print: Print) {
  const { history, verdict, from, to, healMs } = report;
  const breaches = [
    ...report.breaches,
    ...(healMs === undefined ? ['some lane never acknowledged and delivered again'] : []),
  ];
  for (const [kind, found] of Map.groupBy(verdict.violations, (violation) => violation.kind)) {
    print(`    ${found.length} ${kind}: ${VIOLATIONS[kind]}`);
    for (const { detail } of found.slice(0, PRINTED_PER_KIND)) print(`      ${detail}`);
    if (found.length > PRINTED_PER_KIND) print(`      … and ${found.length - PRINTED_PER_KIND} more`);
  }
  for (const breach of breaches) print(`    expectation of the fault: ${breach}`);
  const file = saveHistory({ ...id, from, to, breaches, history });
  print(`    history   ${file}`);
  print(`    logs      ${saveLogs(id, cluster.logsDir)}`);
  print(`    replay    npm run verify -- ${id.fault} --seed ${id.seed} --round ${id.round}`);
  print(`    re-check  npm run verify -- --check ${file}`);
}

function secondsSince(started: number): string {
  return ((performance.now() - started) / 1_000).toFixed(0);
}
