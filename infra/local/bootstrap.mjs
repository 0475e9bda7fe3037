/*
 * The door of every npm script. It needs nothing but the Node (18 or newer) and the npm that called it: it installs the
 * dependencies if the lockfile has changed, then runs the task on the Node pinned in there, with that Node first on the PATH.
 * Plain JavaScript on purpose, all in one file, and no imports but Node's own: nothing else is installed yet.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const OLDEST_NODE_TO_RUN = 24;
/** In the order their tests begin: those that take longest first, so that none is left alone at the end. */
const TESTED_FOLDERS = ['services', 'infra', 'load-tests', 'packages'];
const FILES_A_SUITE = 9;
/** These have alerts for processes that get too little CPU, and hold that none fires while all is well. */
const TESTED_ALONE = ['infra/prometheus'];

const HELP = `npm start                       the whole cluster on this machine (npm start -- --help)
npm test                        type check, lint and all tests; npm test -- <mocha arguments> runs just those
npm run check                   type check and lint
npm run demo                    two people talk through the running cluster
npm run token -- --user alice   a token of a user
npm run bench                   measure it
npm run load                    load and check a running cluster, here or elsewhere (npm run load -- --help)
npm run dead-letters -- list    what could not be stored: list, show, replay, drop
npm run unread -- audit         compare unread counters with their messages, and heal them
npm run doctor                  what is wrong with a deployment, here or elsewhere (npm run doctor -- --help)
npm run load:artillery          load a running cluster with Artillery (npm run load:artillery -- --help)
npm run verify                  hold it to its promises under faults (npm run verify -- --help)
`;

const TASKS = {
  start: (args) => script('infra/local/src/start.ts', args, { ipc: true }),
  demo: (args) => script('infra/local/src/demo.ts', args),
  token: (args) => script('infra/local/src/token.ts', args),
  'dead-letters': (args) => script('infra/local/src/operate.ts', ['dead-letters', ...args]),
  doctor: (args) => script('infra/local/src/operate.ts', ['doctor', ...args]),
  unread: (args) => script('infra/local/src/operate.ts', ['unread', ...args]),
  bench: (args) => script('load-tests/bench/src/main.ts', args),
  'load:artillery': (args) => script('load-tests/artillery/src/main.ts', args),
  // For such a task: what only it needs is in a folder with a lockfile of its own.
  install: async ([folder]) => {
    await ensureInstalled(join(root, folder));
    return 0;
  },
  load: (args) => script('load-tests/load/src/main.ts', args),
  verify: (args) => script('load-tests/verify/src/main.ts', args),
  check: async () => ((await gates()).failed > 0 ? 1 : 0),
  test: (args) => test(args),
};

const [task = '', ...taskArgs] = process.argv.slice(2);
try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`✖ ${error.expected ? error.message : error.stack}\n`);
  process.exitCode = 1;
}

async function main() {
  if (!Object.hasOwn(TASKS, task)) {
    process.stdout.write(HELP);
    return ['', '--help', '-h', 'help'].includes(task) ? 0 : 1;
  }
  await ensureInstalled();
  process.env.PATH = `${dirname(pinnedNode())}${delimiter}${process.env.PATH ?? ''}`;
  // A gateway starts with a quarter less CPU when its compiled code is kept (1.25 s against 1.65 s).
  process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules', '.cache', 'node');
  return TASKS[task](taskArgs);
}

// --- Installing ---

/** Installs unless node_modules is that of the present lockfile. One copy at a time: others wait, and find it done. */
async function ensureInstalled(folder = root) {
  if (installed(folder)) return;
  const unlock = await installLock();
  try {
    if (installed(folder)) return;
    const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const what = folder === root ? 'the dependencies' : `those of ${relative(root, folder)}`;
    process.stderr.write(`Installing ${what} with ${packageManager} (first start, or they have changed) …\n`);
    const flags = [
      'install',
      '--frozen-lockfile',
      '--config.confirmModulesPurge=false',
      '--config.update-notifier=false',
    ];
    // Its output goes to our stderr: the stdout of a task such as `token` is for its result.
    const code = await run('npx', ['--yes', packageManager, ...flags], { cwd: folder, stdio: ['ignore', 2, 2] });
    if (code !== 0) {
      throw expected(
        `Installing the dependencies failed (see above). Check that this machine reaches the npm registry ` +
          `(npm ping) and that ${root} is writable, then run the same command again.`,
      );
    }
    writeFileSync(stampFile(folder), stamp(folder));
  } finally {
    unlock();
  }
}

function installed(folder) {
  return existsSync(stampFile(folder)) && readFileSync(stampFile(folder), 'utf8') === stamp(folder);
}

function stampFile(folder) {
  return join(folder, 'node_modules', '.installed');
}

function stamp(folder) {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}\n`);
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) hash.update(readFileSync(join(folder, file)));
  return hash.digest('hex');
}

/** A file with the process id of its holder; that of a dead process is taken over. */
async function installLock() {
  const lock = join(root, '.local', 'install.lock');
  const own = `${lock}.${process.pid}`;
  try {
    mkdirSync(dirname(lock), { recursive: true });
    writeFileSync(own, String(process.pid));
  } catch (error) {
    throw expected(`The dependencies are not installed and ${root} is not writable (${error.code}): run as its owner.`);
  }
  for (let told = false; !linked(own, lock); told = true) {
    if (!told) process.stderr.write('Waiting for another copy that is installing the dependencies …\n');
    if (!holderLives(lock)) dropStale(lock, own);
    await new Promise((done) => setTimeout(done, 200));
  }
  unlinkSync(own);
  return () => rmSync(lock, { force: true });
}

function linked(own, lock) {
  try {
    linkSync(own, lock);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function holderLives(lock) {
  try {
    process.kill(Number(readFileSync(lock, 'utf8')), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Moved before it is removed: if another copy has just taken the lock over, the moved file is alive and goes back. */
function dropStale(lock, own) {
  const moved = `${own}.stale`;
  try {
    renameSync(lock, moved);
    if (holderLives(moved)) linkSync(moved, lock);
    unlinkSync(moved);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  }
}

function pinnedNode() {
  const pinned = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(pinned)) return pinned;
  if (Number.parseInt(process.versions.node, 10) >= OLDEST_NODE_TO_RUN) return process.execPath;
  throw expected(
    `No pinned Node for ${process.platform}-${process.arch}, and this one is ${process.version}: ` +
      `install Node ${OLDEST_NODE_TO_RUN} or newer and run the same command again.`,
  );
}

// --- Tasks ---

function script(file, args, options = {}) {
  const stdio = options.ipc ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit';
  return run(pinnedNode(), [join(root, file), ...args], { stdio });
}

/** Type check and lint, both always. Resolves with how many passed and failed. */
async function gates() {
  const bin = join(root, 'node_modules', '.bin');
  const codes = await Promise.all([
    run(join(bin, 'tsc'), ['--noEmit', '-p', 'tsconfig.json'], { stdio: 'inherit' }),
    run(join(bin, 'tsc'), ['--noEmit', '-p', 'load-tests/k6/tsconfig.json'], { stdio: 'inherit' }),
    run(join(bin, 'biome'), ['check', '.'], { stdio: 'inherit' }),
  ]);
  const passed = codes.filter((code) => code === 0).length;
  return { passed, failed: codes.length - passed };
}

/** Ends with the line "<n> passed, <n> failed", whatever happens; the gates count. Tests do not run behind a failed gate. */
async function test(args) {
  const folder = mkdtempSync(join(tmpdir(), 'chat-tests-'));
  process.env.CHAT_TEST_POSTGRES = join(folder, 'postgres');
  try {
    const all = !args.some((argument) => argument.endsWith('.ts'));
    const prepared = all ? script('packages/testkit/src/prepare.ts', [process.env.CHAT_TEST_POSTGRES]) : undefined;
    const checked = args.length > 0 ? { passed: 0, failed: 0 } : await gates();
    await prepared;
    const none = { passed: 0, failed: 0, reasons: [], code: 1 };
    const tested = checked.failed > 0 ? none : await (all ? allTests(args) : mocha(args));
    const failed = checked.failed + tested.failed;
    if (all) process.stdout.write(failures(tested.reasons));
    process.stdout.write(`${checked.passed + tested.passed} passed, ${failed} failed\n`);
    return failed > 0 ? 1 : tested.code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Each suite in a mocha of its own, with a Redis and a Postgres of its own, a few side by side: tests wait more than they
 * compute. One shows its output as it comes; that of the others is kept until their turn.
 */
async function allTests(args) {
  const suites = testSuites();
  const isAlone = ({ name }) => TESTED_ALONE.includes(name);
  const shown = [];
  const totals = { passed: 0, failed: 0, reasons: [], code: 0 };
  let interrupted = false;
  const show = () => {
    while (shown.length > 0) {
      process.stdout.write(shown[0].chunks.splice(0).join(''));
      if (!shown[0].ended) return;
      shown.shift();
    }
  };
  const lane = async (waiting) => {
    for (let suite = waiting.shift(); suite && !interrupted; suite = waiting.shift()) {
      const output = { chunks: [`\n── ${suite.name}\n`], ended: false };
      shown.push(output);
      const onOutput = (text) => {
        output.chunks.push(text);
        show();
      };
      const colors = process.stdout.isTTY ? ['--colors'] : [];
      const { passed, failed, reasons, code } = await mocha([...colors, ...args, ...suite.files], onOutput);
      totals.passed += passed;
      totals.failed += failed;
      totals.reasons.push(...reasons.map((reason) => `${suite.name}: ${reason}`));
      totals.code ||= code;
      // A signal ended it: that was meant for all.
      interrupted ||= code >= 128;
      output.ended = true;
      show();
    }
  };
  await lane(suites.filter(isAlone));
  const together = suites.filter((suite) => !isAlone(suite));
  const lanes = Number(process.env.TEST_JOBS) || Math.min(4, availableParallelism());
  await Promise.all(Array.from({ length: lanes }, () => lane(together)));
  return totals;
}

/** What failed, once more where somebody looks first: the end of a long output. */
function failures(reasons) {
  return reasons.length === 0 ? '' : `\n── Failed\n\n${reasons.join('\n\n')}\n\n`;
}

/** The test files of every folder; those of a folder with many in parts. */
function testSuites() {
  const folders = TESTED_FOLDERS.flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => `${parent}/${name}`),
  );
  return folders.flatMap((folder) => {
    const files = filesBelow(join(folder, 'test')).filter((file) => file.endsWith('.test.ts'));
    const parts = Math.ceil(files.length / FILES_A_SUITE);
    return Array.from({ length: parts }, (_, part) => ({
      name: parts > 1 ? `${folder} (${part + 1} of ${parts})` : folder,
      files: files.filter((_, index) => index % parts === part),
    }));
  });
}

function filesBelow(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(join(folder, entry.name)) : join(folder, entry.name)))
    .sort();
}

async function mocha(args, onOutput) {
  const folder = mkdtempSync(join(tmpdir(), 'chat-test-'));
  const tallyFile = join(folder, 'tally.json');
  try {
    const reporter = ['--reporter', join(root, 'infra', 'local', 'mocha-reporter.cjs')];
    const code = await run(pinnedNode(), [join(root, 'node_modules/mocha/bin/mocha.js'), ...reporter, ...args], {
      stdio: onOutput ? ['inherit', 'pipe', 'pipe'] : 'inherit',
      env: { ...process.env, CHAT_TEST_TALLY: tallyFile },
      onOutput,
    });
    const nothing = { passed: 0, failed: 0, reasons: [] };
    const tally = existsSync(tallyFile) ? JSON.parse(readFileSync(tallyFile, 'utf8')) : nothing;
    // A file that does not load, or something left behind after the last test.
    if (code !== 0 && tally.failed === 0) {
      tally.failed = 1;
      tally.reasons = [`ended with ${code} without a failed test (see its part above)`];
    }
    return { ...tally, code };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// --- Processes ---

/**
 * Runs a program in the repository and resolves with its exit code (128 + number for a signal). A signal to us goes on
 * to it and we wait for its end; Ctrl-C only where no terminal sends it to the whole group anyway.
 */
function run(program, args, { onOutput, ...options }) {
  const child = spawn(program, args, { cwd: root, ...options });
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', onOutput);
  const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  const handlers = {
    SIGTERM: () => child.kill('SIGTERM'),
    SIGHUP: () => child.kill('SIGHUP'),
    SIGINT: () => terminal || child.kill('SIGINT'),
  };
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler);
  const watch = whenAbandoned(handlers.SIGTERM);
  return new Promise((done, fail) => {
    child.once('error', (error) => fail(expected(`${program} cannot be run (${error.code ?? error.message}).`)));
    // 'close': what it wrote last has come too.
    child.once('close', (code, signal) => {
      clearInterval(watch);
      for (const [name, handler] of Object.entries(handlers)) process.off(name, handler);
      done(signal ? 128 + ({ SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 0) : (code ?? 1));
    });
  });
}

/**
 * npm runs a script through a shell, and a SIGTERM to npm kills that shell, which tells nobody. So once npm, or a shell
 * between npm and us, is gone, `act` is called: nothing may go on running behind the back of a stopped npm.
 */
function whenAbandoned(act) {
  if (process.platform !== 'linux' || !process.env.npm_lifecycle_event) return undefined;
  const above = [];
  for (let pid = process.ppid; pid > 1; pid = Number(procStat(pid)[1])) {
    above.push(pid);
    if (!readProc(pid, 'cmdline').includes('infra/local/bootstrap.mjs')) break;
  }
  const watch = setInterval(() => {
    if (above.every((pid) => /^[^ZX]$/.test(procStat(pid)[0] ?? ''))) return;
    clearInterval(watch);
    act();
  }, 250);
  return watch;
}

/** State and parent of a process; empty when it is gone. */
function procStat(pid) {
  return readProc(pid, 'stat')
    .replace(/^.*\) /s, '')
    .split(' ')
    .slice(0, 2);
}

function readProc(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** An error that is shown as its sentence alone. */
function expected(message) {
  return Object.assign(new Error(message), { expected: true });
}
