import { cpSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { runCommand, UserError } from '@chat-cluster/runtime';
import { allInputs } from './all-inputs.ts';
import { loadFinding, saveFinding } from './findings.ts';
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
  const reports = options.replay === undefined ? await runModes(options) : [await replay(options.replay)];
  if (interrupted.signal.aborted) process.exitCode = 130;
  else if (reports.some(({ findings }) => findings.length > 0)) process.exitCode = 1;
});

async function runModes({ modes, seed, minutes, generators }: Options): Promise<FuzzReport[]> {
  if (generators.length === 0) throw new UserError('No generator is left.');
  const reports: FuzzReport[] = [];
  for (const mode of modes) {
    if (interrupted.signal.aborted) break;
    print(`${mode}, seed ${seed}, ${minutes} min`);
    const inputs = allInputs(seed, generators);
    reports.push(await run(mode, { seed, inputs, durationMs: minutes * 60_000 }));
  }
  return reports;
}

function replay(path: string): Promise<FuzzReport> {
  // npm changes to the repository; a relative path is relative to where npm was called.
  const { mode, seed, problem, inputs } = loadFinding(resolve(process.env.INIT_CWD ?? '', path));
  print(`${mode}, ${inputs.length} inputs that were followed by: ${problem}`);
  return run(mode, { seed, inputs, durationMs: REPLAY_MS, keepMs: REPLAY_MS });
}

async function run(mode: Mode, options: FuzzOptions): Promise<FuzzReport> {
  await using target = await startTarget(mode);
  const report = await fuzz(target, { ...options, signal: interrupted.signal });
  print(`${report.findings.length === 0 ? '✔' : '✖'} ${report.summary}`);
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
