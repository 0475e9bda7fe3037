import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';

export interface FolderClaim {
  release(): Promise<void>;
}

/**
 * Makes `folder` if needed and claims it for `purpose`, until the claim is released or the process ends. Throws
 * UserError when another process has claimed it: two servers must not write the same files.
 *
 * The kernel keeps the claim. On Linux it is an abstract local socket, whose name ends with its process, so kill -9
 * leaves nothing stale behind. On other systems it is a socket file in the temporary folder, and a file without a
 * listener is taken over.
 */
export async function claimFolder(folder: string, purpose: string): Promise<FolderClaim> {
  const claim = await tryClaimFolder(folder, purpose);
  if (claim) return claim;
  throw new UserError(
    `The data folder ${folder} is in use by another running copy. Stop that copy, or set DATA_DIR to another folder.`,
  );
}

/** As claimFolder; undefined when another process has claimed the folder. */
export async function tryClaimFolder(folder: string, purpose: string): Promise<FolderClaim | undefined> {
  makeFolder(folder);
  const digest = createHash('sha256')
    .update(`${process.getuid?.()}\n${purpose}\n${realpathSync(folder)}`)
    .digest('hex');
  const name = `chat-cluster-${digest.slice(0, 32)}`;
  const server = await holdName(process.platform === 'linux' ? `\0${name}` : join(tmpdir(), `${name}.sock`));
  server?.unref();
  return server && { release: () => new Promise((done) => server.close(() => done())) };
}

function makeFolder(folder: string): void {
  try {
    makeWithParents(folder);
    if (!statSync(folder).isDirectory()) throw Object.assign(new Error(), { code: 'ENOTDIR' });
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new UserError(
      `The data folder ${folder} cannot be used (${reason}): set DATA_DIR to a folder this user may write to.`,
    );
  }
}

/**
 * mkdirSync with `recursive` is not used: below /proc, which reports a wrong state of a parent, it never returns.
 */
function makeWithParents(folder: string): void {
  if (existsSync(folder)) return;
  makeWithParents(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Undefined when another process holds the name. */
async function holdName(name: string): Promise<Server | undefined> {
  const server = await tryListen(name);
  if (server !== undefined || name.startsWith('\0') || (await hasListener(name))) return server;
  rmSync(name, { force: true });
  return tryListen(name);
}

function tryListen(name: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen({ path: name }, () => resolve(server));
  });
}

function hasListener(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path: name });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
