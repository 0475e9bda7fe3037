/*
 * Entry of every npm script. It installs the dependencies if the lockfile has changed, then runs the task on the Node
 * pinned among them, with that Node first on the PATH. It needs only npm and the Node that npm runs on, 18 or newer:
 * plain JavaScript, without imports other than modules of Node and the .mjs files beside it.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { environmentOf } from './environment.mjs';
import { ExpectedError, ensureInstalled, pinnedNode, root } from './install.mjs';

const HELP = `npm start                       starts the whole cluster on this machine (npm start -- --help)
npm test                        npm run check and all tests; npm test -- <mocha arguments> runs some of them
npm run check                   type check, lint and prose check
npm run demo                    two users exchange messages through the running cluster
npm run token -- --user alice   prints a token of a user
npm run first-chat              the example of the client library; needs TOKEN, and URL for a cluster elsewhere
npm run build:client            builds the npm package of the client library into packages/client/dist
npm run bench                   measures the cluster
npm run load                    loads and checks a running cluster, here or elsewhere (npm run load -- --help)
npm run dead-letters -- list    lists, shows, replays or drops messages that could not be stored
npm run unread -- audit         compares unread counters with their messages, and corrects them
npm run renew-epoch -- now      after a restore of the database: makes all devices load their messages anew
npm run doctor                  finds what is wrong with a deployment, here or elsewhere (npm run doctor -- --help)
npm run load:artillery          loads a running cluster with Artillery (npm run load:artillery -- --help)
npm run verify                  checks the guarantees of the cluster under faults (npm run verify -- --help)
npm run --silent sbom           prints the dependencies of the services as CycloneDX JSON
npm run fuzz                    sends malformed traffic to a cluster of its own (npm run fuzz -- --help)
npm run pictures                takes the pictures of the README from the pages of a cluster of its own
`;

const TASKS = {
  start: (args) => script('infra/local/src/start.ts', args, { ipc: true }),
  demo: (args) => script('infra/local/src/demo.ts', args),
  token: (args) => script('infra/local/src/token.ts', args),
  'first-chat': (args) => script('packages/client/examples/first-chat.mjs', args),
  'build:client': (args) => script('packages/client/build/build.ts', args),
  'dead-letters': (args) => script('infra/local/src/operate.ts', ['dead-letters', ...args]),
  doctor: (args) => script('infra/local/src/operate.ts', ['doctor', ...args]),
  unread: (args) => script('infra/local/src/operate.ts', ['unread', ...args]),
  'renew-epoch': (args) => script('infra/local/src/operate.ts', ['renew-epoch', ...args]),
  bench: (args) => script('load-tests/bench/src/main.ts', args),
  'load:artillery': (args) => script('load-tests/artillery/src/main.ts', args),
  load: (args) => script('load-tests/load/src/main.ts', args),
  verify: (args) => script('load-tests/verify/src/main.ts', args),
  sbom: (args) => run('npx', [...SBOM, ...args], { stdio: 'inherit' }),
  fuzz: (args) => script('load-tests/fuzz/src/main.ts', args),
  pictures: (args) => script('services/web/pictures/take-pictures.ts', args),
  check: (args) => script('infra/local/src/check.ts', args),
  test: (args) => script('infra/local/src/test.ts', args, { ipc: true, onMessage: setTally }),
  // Called by tasks whose own dependencies are in a folder with a separate lockfile.
  install: async ([folder]) => {
    await ensureInstalled(run, join(root, folder));
    return 0;
  },
};

/** `pnpm sbom` exists since pnpm 11, so the SBOM has a pnpm of its own. It reads the lockfile only. */
const SBOM = '--yes pnpm@11.28.11 --pm-on-fail=ignore sbom --sbom-format cyclonedx --lockfile-only --prod'.split(' ');

/** Result of `npm test`. It stays as it is when the install fails or the test runner crashes. */
let tally = { passed: 0, failed: 1 };

const [task = '', ...taskArgs] = process.argv.slice(2);
try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`✖ ${error instanceof ExpectedError ? error.message : error.stack}\n`);
  process.exitCode = 1;
} finally {
  if (task === 'test') process.stdout.write(`${tally.passed} passed, ${tally.failed} failed\n`);
}

async function main() {
  if (!Object.hasOwn(TASKS, task)) {
    process.stdout.write(HELP);
    return ['', '--help', '-h', 'help'].includes(task) ? 0 : 1;
  }
  await ensureInstalled(run);
  process.env = environmentOf(task, process.env);
  process.env.PATH = `${dirname(pinnedNode())}${delimiter}${process.env.PATH ?? ''}`;
  // With its compiled code cached, a gateway starts with a quarter less CPU (1.25 s instead of 1.65 s).
  process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules', '.cache', 'node');
  return TASKS[task](taskArgs);
}

function setTally(message) {
  tally = message;
}

function script(file, args, { ipc = false, onMessage } = {}) {
  const stdio = ipc ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit';
  return run(pinnedNode(), [join(root, file), ...args], { stdio }, onMessage);
}

/**
 * Runs a program in the repository and resolves with its exit code (128 + number for a signal). A signal to this
 * process is forwarded to the program, and this process waits for its end. Ctrl-C is forwarded only without a terminal:
 * a terminal sends it to the whole process group.
 */
function run(program, args, options, onMessage) {
  const child = spawn(program, args, { cwd: root, ...options });
  if (onMessage) child.on('message', onMessage);
  const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  const handlers = {
    SIGTERM: () => child.kill('SIGTERM'),
    SIGHUP: () => child.kill('SIGHUP'),
    SIGINT: () => terminal || child.kill('SIGINT'),
  };
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler);
  const watch = whenNpmEnds(handlers.SIGTERM);
  return new Promise((done, fail) => {
    child.once('error', (error) =>
      fail(new ExpectedError(`${program} cannot be run (${error.code ?? error.message}).`)),
    );
    child.once('close', (code, signal) => {
      clearInterval(watch);
      for (const [name, handler] of Object.entries(handlers)) process.off(name, handler);
      done(signal ? 128 + ({ SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 0) : (code ?? 1));
    });
  });
}

/**
 * Calls `act` once npm, or a shell between npm and this process, has ended: npm runs a script through a shell, and a
 * SIGTERM to npm kills that shell, which forwards nothing. Without this the task would go on after npm was stopped.
 */
function whenNpmEnds(act) {
  if (process.platform !== 'linux' || !process.env.npm_lifecycle_event) return undefined;
  const ancestors = [];
  for (let pid = process.ppid; pid > 1; pid = Number(procStat(pid)[1])) {
    ancestors.push(pid);
    if (!readProc(pid, 'cmdline').includes('infra/local/bootstrap.mjs')) break;
  }
  const watch = setInterval(() => {
    if (ancestors.every((pid) => /^[^ZX]$/.test(procStat(pid)[0] ?? ''))) return;
    clearInterval(watch);
    act();
  }, 250);
  return watch;
}

/** State and parent pid of a process; empty when it has ended. */
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
