import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { UserError } from '@chat-cluster/runtime';
import { type FolderClaim, tryClaimFolder } from './claim-folder.ts';
import { repository, webBuildsFolder } from './repository.ts';
import { withDeathSignal } from './server-process.ts';
import { until } from './until.ts';

export interface WebBuildOptions {
  /** Receives a line before a build, and while another process builds. */
  log: (line: string) => void;
  /** Folder of the repository that is built. Default: this one. */
  source?: string;
  /** Folder of the builds. Default: `.local/web` of this repository. */
  builds?: string;
}

/** The inputs of a build: files, or folders with all of their files. */
const INPUTS = [
  'services/web/{*.html,package.json,vite.config.ts,tsconfig.json}',
  'services/web/{src,public}/**',
  'packages/{client,contracts}/{package.json,src/**}',
  // The cluster view shows its sections.
  'infra/RUNBOOK.md',
  'pnpm-lock.yaml',
  'tsconfig.base.json',
];

/** Time limit of a build, in ms; on two idle cores it takes 3 s. */
const BUILD_WITHIN_MS = 120_000;
/** Lines of the reason of a failed build, at most. */
const REASON_LINES = 5;
/** Builds that are kept. A running cluster serves the files of its own build, also after later ones. */
const KEPT_BUILDS = 10;
/** Age after which the folder of an unfinished build is left over from a process that was killed, in ms. */
const LEFT_OVER_AFTER_MS = 2 * BUILD_WITHIN_MS;

/**
 * Builds services/web with Vite, unless there is a build of the same sources, and returns its folder, with index.html,
 * cluster.html and assets/. The folder is named by the hash of the sources, is complete from the start and never
 * changes. Only one process builds at a time: the others wait, and then find the build.
 *
 * Throws UserError, with the reason, when the build fails.
 */
export async function buildWeb(options: WebBuildOptions): Promise<string> {
  const { log, source = repository, builds = webBuildsFolder } = options;
  const folder = join(builds, hashOfInputs(source));
  if (!existsSync(folder)) {
    makeWritable(builds);
    const claim = await claimOrWait(builds, folder, log);
    try {
      if (claim && !existsSync(folder)) await build(source, folder, log);
    } finally {
      await claim?.release();
    }
  }
  keepNewest(builds, folder);
  return folder;
}

function hashOfInputs(source: string): string {
  const hash = createHash('sha256');
  for (const file of globSync(INPUTS, { cwd: source }).sort()) {
    if (statSync(join(source, file)).isFile()) hash.update(`${file}\n`).update(readFileSync(join(source, file)));
  }
  return hash.digest('hex').slice(0, 16);
}

function makeWritable(builds: string): void {
  try {
    mkdirSync(builds, { recursive: true });
    accessSync(builds, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(`The web page could not be built: ${builds} is not writable (${code}).`);
  }
}

/** Undefined when another process has finished the build meanwhile. */
async function claimOrWait(builds: string, folder: string, log: (line: string) => void) {
  let waits = false;
  const claim = await until<FolderClaim | 'built'>(
    async () => {
      const claimed = await tryClaimFolder(builds, 'web build');
      if (claimed || existsSync(folder)) return claimed ?? 'built';
      if (!waits) log('Waiting for another process that builds the web page …');
      waits = true;
      return undefined;
    },
    { withinMs: BUILD_WITHIN_MS, everyMs: 100 },
  );
  if (!claim)
    throw new UserError(
      `The web page was not built: another process has been building it for ${BUILD_WITHIN_MS / 1_000} s. Stop that process.`,
    );
  return claim === 'built' ? undefined : claim;
}

/** Builds into another folder and renames it, so that the folder of a build is never incomplete. */
async function build(source: string, folder: string, log: (line: string) => void): Promise<void> {
  log('Building the web page (on the first start, or after a change) …');
  const unfinished = `${folder}.${process.pid}`;
  try {
    await runVite(source, unfinished);
    if (!existsSync(folder)) renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

async function runVite(source: string, outDir: string): Promise<void> {
  const root = join(source, 'services/web');
  const vite = join(root, 'node_modules/vite/bin/vite.js');
  // Without `native` Vite writes its configuration into node_modules, which another user may own.
  const args = [vite, 'build', '--configLoader', 'native', '--logLevel', 'warn', '--outDir', outDir, '--emptyOutDir'];
  const [program = '', ...rest] = withDeathSignal([process.execPath, ...args], 'TERM');
  // Another NODE_ENV would build the development version of React.
  const child = spawn(program, rest, {
    cwd: root,
    env: { ...process.env, NODE_ENV: 'production', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: BUILD_WITHIN_MS,
  });
  const killChild = () => child.kill();
  process.once('exit', killChild);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(0, 4_000);
    });
  }
  const ended = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
  });
  process.off('exit', killChild);
  if (ended !== undefined) throw new UserError(`The web page could not be built: ${reasonIn(output) || ended}`);
}

/** The first lines of Vite's error, without its heading and without the stack. */
function reasonIn(output: string): string {
  const [error = ''] = stripVTControlCharacters(output).split(/^ +at /m);
  const lines = error.split('\n').map((line) => line.trim());
  const isHeading = (line: string) => line === '' || /^(✗ Build failed|Build failed|error during build)/.test(line);
  return lines
    .filter((line) => !isHeading(line))
    .slice(0, REASON_LINES)
    .join('\n  ');
}

/** Marks the build as used, and removes the builds that were not used for the longest time. */
function keepNewest(builds: string, used: string): void {
  try {
    utimesSync(used, new Date(), new Date());
    const ageOf = (name: string) => Date.now() - statSync(join(builds, name)).mtimeMs;
    const [unfinished, finished] = [readdirSync(builds).filter(isUnfinished), readdirSync(builds).filter(isFinished)];
    const old = finished.sort((a, b) => ageOf(a) - ageOf(b)).slice(KEPT_BUILDS);
    const leftOver = unfinished.filter((name) => ageOf(name) > LEFT_OVER_AFTER_MS);
    for (const name of [...old, ...leftOver]) rmSync(join(builds, name), { recursive: true, force: true });
  } catch {
    // Another process removes the same builds, or they belong to another user: the next start tries again.
  }
}

function isFinished(name: string): boolean {
  return /^[0-9a-f]{16}$/.test(name);
}

function isUnfinished(name: string): boolean {
  return /^[0-9a-f]{16}\.\d+$/.test(name);
}
