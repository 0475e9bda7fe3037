import { cpSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { runCommand } from '@chat-cluster/runtime';
import { alignRows } from '@chat-cluster/testkit/report';
import { allInputs, loadFinding, saveFinding } from './findings.ts';
import { type FuzzOptions, type FuzzReport, fuzz } from './fuzz.ts';
import { HELP, type Options, readOptions } from './options.ts';
import { type Mode, startTarget } from './target.ts';

const FOLDER = join(repository, '.local/fuzz');
/** Time for the connections of a replay to exceed their limits, in ms. */
const REPLAY_MS = 80_000;

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupted.abort());

await runCommand(async () => {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    process.stdout.write(HELP);
    return;
  }
  const reports = options.replay === undefined ? await runModes(options) : [await replay(options.replay, options)];
  if (interrupted.signal.aborted) process.exitCode = 130;
  else if (reports.some(({ findings }) => findings.length > 0)) process.exitCode = 1;
});

async function runModes(options: Options): Promise<FuzzReport[]> {
  const { modes, seed, minutes, generators, each, timeFactor } = options;
  const reports: FuzzReport[] = [];
  for (const mode of modes) {
    print(`${mode}, seed ${seed}, ${minutes} min${each ? ' for each generator' : ''}`);
    const rows = [['', 'inputs', 'refused', 'messages p99 ms', 'connects p99 ms', 'grown MB']];
    for (const names of each ? generators.map((name) => [name]) : [generators]) {
      if (interrupted.signal.aborted) break;
      const inputs = allInputs(seed, names);
      const report = await run(mode, { seed, inputs, durationMs: minutes * 60_000, timeFactor }, !each);
      reports.push(report);
      rows.push([names.join(', '), ...figuresOf(report)]);
    }
    if (each) print(`\n${alignRows(rows).join('\n')}\n`);
  }
  return reports;
}

function figuresOf({ sent, refused, p99, grownMb }: FuzzReport): string[] {
  const ms = (value: number) => (Number.isNaN(value) ? 'none' : String(Math.round(value)));
  return [String(sent), String(refused), ms(p99.messagesMs), ms(p99.connectsMs), String(grownMb)];
}

function replay(path: string, { timeFactor }: Options): Promise<FuzzReport> {
  // npm changes to the repository; a relative path is relative to where npm was called.
  const { mode, seed, problem, inputs } = loadFinding(resolve(process.env.INIT_CWD ?? '', path));
  print(`${mode}, ${inputs.length} inputs that were followed by: ${problem}`);
  return run(mode, { seed, inputs, durationMs: REPLAY_MS, keepMs: REPLAY_MS, timeFactor }, true);
}

async function run(mode: Mode, options: FuzzOptions, showsMemory: boolean): Promise<FuzzReport> {
  await using target = await startTarget(mode);
  const report = await fuzz(target, { ...options, signal: interrupted.signal });
  const [sent, refused, messages, connects] = figuresOf(report);
  const mark = report.findings.length === 0 ? '✔' : '✖';
  if (showsMemory || report.findings.length > 0) {
    print(`${mark} ${sent} inputs, ${refused} refused; p99 of messages ${messages} ms, of connects ${connects} ms`);
    for (const line of report.memory) print(`  ${line}`);
  }
  for (const finding of report.findings) {
    const file = saveFinding(FOLDER, finding);
    print(`  ${finding.problem}`);
    print(`    replay  npm run fuzz -- --replay ${relative(process.env.INIT_CWD ?? process.cwd(), file)}`);
  }
  if (report.findings.length > 0) {
    const logs = join(FOLDER, `logs-${mode}-${options.seed}`);
    cpSync(target.cluster.logsDir, logs, { recursive: true });
    print(`    logs    ${relative(process.env.INIT_CWD ?? process.cwd(), logs)}`);
  }
  return report;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
