/*
 * Installs the dependencies, and finds the pinned Node among them. Like bootstrap.mjs it runs on Node 18 or newer,
 * imports only modules of Node, and is plain JavaScript: at this point nothing is installed.
 */
import { createHash } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the repository. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** A problem that the user can solve. It is shown as its message, without a stack. */
export class ExpectedError extends Error {}

/** Oldest major version of Node that runs the project. */
const OLDEST_NODE = 24;

/** The Node of the installed packages; on a platform without one the current Node, if it is new enough. */
export function pinnedNode() {
  const platform = `${process.platform}-${process.arch}`;
  const pinned = join(root, 'node_modules', `node-${platform}`, 'bin', 'node');
  if (existsSync(pinned)) return pinned;
  if (Number.parseInt(process.versions.node, 10) >= OLDEST_NODE) return process.execPath;
  throw new ExpectedError(
    `No pinned Node for ${platform}, and this one is ${process.version}: ` +
      `install Node ${OLDEST_NODE} or newer and run the same command again.`,
  );
}

/**
 * Installs the dependencies of `folder`, unless its node_modules already match the lockfile. `run` runs a program. Only
 * one process installs at a time: the others wait, and then find the dependencies installed.
 */
export async function ensureInstalled(run, folder = root) {
  if (isInstalled(folder)) return;
  const unlock = await lockInstall();
  try {
    if (isInstalled(folder)) return;
    const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const what = folder === root ? 'the dependencies' : `the dependencies of ${relative(root, folder)}`;
    process.stderr.write(`Installing ${what} with ${packageManager} (on the first start, or after a change) …\n`);
    const flags = ['--frozen-lockfile', '--config.confirmModulesPurge=false', '--config.update-notifier=false'];
    // The output goes to stderr, because stdout is for the result of a task such as `token`.
    const options = { cwd: folder, stdio: ['ignore', 2, 2] };
    if ((await run('npx', ['--yes', packageManager, 'install', ...flags], options)) !== 0) {
      throw new ExpectedError(
        'Installing the dependencies failed (see above). Check that this machine reaches the npm registry ' +
          `(npm ping) and that ${root} is writable, then run the same command again.`,
      );
    }
    writeFileSync(stampFile(folder), stampOf(folder));
  } finally {
    unlock();
  }
}

function isInstalled(folder) {
  return existsSync(stampFile(folder)) && readFileSync(stampFile(folder), 'utf8') === stampOf(folder);
}

function stampFile(folder) {
  return join(folder, 'node_modules', '.installed');
}

function stampOf(folder) {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}\n`);
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) hash.update(readFileSync(join(folder, file)));
  return hash.digest('hex');
}

/** The lock is a file with the process id of its owner. The lock of a dead process is taken over. */
async function lockInstall() {
  const lock = join(root, '.local', 'install.lock');
  const own = `${lock}.${process.pid}`;
  try {
    mkdirSync(dirname(lock), { recursive: true });
    writeFileSync(own, String(process.pid));
  } catch (error) {
    throw new ExpectedError(
      `The dependencies are not installed and ${root} is not writable (${error.code}): run as its owner.`,
    );
  }
  for (let attempt = 0; !tryLink(own, lock); attempt++) {
    if (attempt === 0) process.stderr.write('Waiting for another process that installs the dependencies …\n');
    if (!ownerLives(lock)) dropStale(lock, own);
    await new Promise((done) => setTimeout(done, 200));
  }
  unlinkSync(own);
  return () => rmSync(lock, { force: true });
}

function tryLink(own, lock) {
  try {
    linkSync(own, lock);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function ownerLives(lock) {
  try {
    process.kill(Number(readFileSync(lock, 'utf8')), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Moves the lock before it is removed: if another process took it over in between, the moved file is put back. */
function dropStale(lock, own) {
  const moved = `${own}.stale`;
  try {
    renameSync(lock, moved);
    if (ownerLives(moved)) linkSync(moved, lock);
    unlinkSync(moved);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  }
}
