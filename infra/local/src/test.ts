/*
 * `npm test`: the gates, then all suites. `npm test -- <mocha arguments>`: without the gates; with folders among the
 * arguments, only their suites; with test files, only these and those of the folders, in one mocha process. The counts go
 * to bootstrap.mjs, which prints the last line.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { runGates } from './gates.ts';
import { root, runProgram } from './run-program.ts';
import { readTestArguments } from './test-arguments.ts';
import { findSuites, type Suite, type Suites } from './test-suites.ts';

/** `reasons`: name and error of each failed test. `seconds`: duration of each test file. */
interface Result {
  passed: number;
  failed: number;
  reasons: string[];
  seconds?: Record<string, number>;
}

/** Test files in the table of the slowest ones. */
const SLOWEST = 15;
/** Parts of the range of freePort (packages/local-cluster), one for each mocha process: more than run at once. */
const PARTS = Array.from({ length: 10 }, (_, i) => `${12_000 + 2_000 * i}-${14_000 + 2_000 * i}`);

const folder = mkdtempSync(join(tmpdir(), 'chat-tests-'));
// See packages/testkit/src/postgres-template.ts.
process.env.CHAT_TEST_POSTGRES = join(folder, 'postgres');
let result: Result;
try {
  result = await test(process.argv.slice(2));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const { passed, failed } = result;
process.send?.({ passed, failed });
process.exitCode = failed > 0 ? 1 : 0;
if (process.connected) process.disconnect();

/** Tests do not run after a failed gate. */
async function test(args: readonly string[]): Promise<Result> {
  const read = readTestArguments(args);
  if (typeof read === 'string') return refuse(read);
  const { folders, files, options } = read;
  const suites = findSuites(folders);
  const found = Object.values(suites).flat();
  if (folders.length > 0 && found.length === 0) return refuse(`${folders.join(', ')}: there are no tests.`);
  if (files.length > 0) {
    const inFolders = folders.length > 0 ? found.flatMap((suite) => suite.files) : [];
    return mocha([...options, ...files, ...inFolders]);
  }
  const prepared = runProgram(process.execPath, ['packages/testkit/src/prepare.ts', join(folder, 'postgres')]);
  const gates = args.length > 0 ? { passed: 0, failed: 0 } : await runGates();
  await prepared;
  if (gates.failed > 0) return { ...gates, reasons: [] };
  const tests = await runSuites(suites, options);
  if (args.length === 0) showSlowest(tests.seconds ?? {});
  // Repeated at the end of a long output, where they are found first.
  if (tests.reasons.length > 0) process.stdout.write(`\n── Failed\n\n${tests.reasons.join('\n\n')}\n\n`);
  return { ...tests, passed: gates.passed + tests.passed };
}

/** `npm test` has a time limit, so this table shows where it is spent. */
function showSlowest(seconds: Record<string, number>): void {
  const slowest = Object.entries(seconds)
    .sort(([, a], [, b]) => b - a)
    .slice(0, SLOWEST);
  const rows = slowest.map(([file, duration]) => `${duration.toFixed(0).padStart(6)} s  ${file}`);
  process.stdout.write(`\n── The slowest test files\n\n${rows.join('\n')}\n\n`);
}

function refuse(sentence: string): Result {
  process.stderr.write(`${sentence}\n`);
  return { passed: 0, failed: 1, reasons: [] };
}

/**
 * Runs several suites at once, each in its own mocha process: `jobs` suites that compute, one more than there are cores,
 * because each of them also waits at times, and beside them two that mostly wait. When no more of those are left, one more
 * suite computes. TEST_JOBS=1 runs all suites one after another.
 */
async function runSuites({ alone, waiting, working }: Suites, options: readonly string[]): Promise<Result> {
  const jobs = Number(process.env.TEST_JOBS) || Math.min(4, availableParallelism() + 1);
  const total = { passed: 0, failed: 0, reasons: [] as string[], seconds: {} };
  const show = oneAtATime();
  let interrupted = false;
  const runAll = async (suites: Suite[]) => {
    for (let suite = suites.shift(); suite && !interrupted; suite = suites.shift()) {
      const { name, files } = suite;
      const output = show(`\n── ${name}\n`);
      const colors = process.stdout.isTTY ? ['--colors'] : [];
      const { code, ...result } = await mocha([...colors, ...options, ...files], output.write);
      total.passed += result.passed;
      total.failed += result.failed;
      total.reasons.push(...result.reasons.map((reason) => `${name}: ${reason}`));
      Object.assign(total.seconds, result.seconds);
      // A signal that ended one suite was meant for all of them.
      interrupted ||= code >= 128;
      output.end();
    }
  };
  const aloneEnded = runAll(alone);
  const compute = () => aloneEnded.then(() => runAll(working));
  const beside = jobs > 1 ? [runAll(waiting), runAll(waiting).then(compute)] : [];
  await Promise.all([...Array.from({ length: jobs }, compute), ...beside]);
  await runAll(waiting);
  return total;
}

/** Shows the output of suites that run at once: of one of them as it arrives, of the others when it is their turn. */
function oneAtATime() {
  const shown: { chunks: string[]; ended: boolean }[] = [];
  const flush = () => {
    for (let first = shown[0]; first; first = shown[0]) {
      process.stdout.write(first.chunks.splice(0).join(''));
      if (!first.ended) return;
      shown.shift();
    }
  };
  return (title: string) => {
    const output = { chunks: [title], ended: false };
    shown.push(output);
    return {
      write(text: string) {
        output.chunks.push(text);
        flush();
      },
      end() {
        output.ended = true;
        flush();
      },
    };
  };
}

async function mocha(args: readonly string[], onOutput?: (text: string) => void): Promise<Result & { code: number }> {
  const ports = PARTS.shift();
  const resultFile = join(mkdtempSync(join(folder, 'suite-')), 'result.json');
  const main = join(root, 'node_modules/mocha/bin/mocha.js');
  const reporter = ['--reporter', join(root, 'infra/local/mocha-reporter.cjs')];
  const code = await runProgram(process.execPath, [main, ...reporter, ...args], {
    env: { ...process.env, CHAT_TEST_RESULT: resultFile, ...(ports !== undefined && { CHAT_TEST_PORTS: ports }) },
    onOutput,
  });
  if (ports !== undefined) PARTS.push(ports);
  const result: Result = existsSync(resultFile)
    ? (JSON.parse(readFileSync(resultFile, 'utf8')) as Result)
    : { passed: 0, failed: 0, reasons: [] };
  if (code === 0 || result.failed > 0) return { ...result, code };
  // A file that could not be loaded, or a process or connection left open after the last test.
  return { ...result, failed: 1, reasons: [`ended with ${code} without a failed test (see its output above)`], code };
}
