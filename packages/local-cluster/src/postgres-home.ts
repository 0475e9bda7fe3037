import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';

export interface PostgresHome {
  /** Folder of data, password and log. */
  home: string;
  /** Folder of the programs initdb and postgres. */
  bin: string;
  /** Put before every command line: empty, or `unshare … --`. */
  prefix: readonly string[];
  uid?: number;
  gid?: number;
}

export interface HomeRequest {
  dataDir: string;
  /** Folder of the package with bin/, lib/ and share/. */
  native: string;
  /** Part of the name of the copied programs. */
  version: string;
  /** False: as if user namespaces were forbidden. */
  namespaces: boolean;
  sharedDir: string;
}

interface Account {
  name: string;
  uid: number;
  gid: number;
}

/**
 * Decides which user runs Postgres and where its files are, and makes that folder. Throws UserError when no way works.
 * Postgres refuses to run as root, so there are three ways:
 *
 *  self        Not root: Postgres runs as the current user.
 *  namespace   Root: `unshare --user` maps root to an ordinary account inside a user namespace. Postgres sees itself as
 *              that account, and on disk the kernel still sees root. So it works although the clone or the data folder is
 *              in a place that no other user may enter (/root, a temporary folder of mode 0700). The account must exist:
 *              Postgres looks it up with getpwuid().
 *  account     Root where user namespaces are forbidden (Docker's default seccomp profile): Postgres runs as an
 *              unprivileged account. If that account may enter the data folder, the folder is used in place; otherwise
 *              the data is kept in a folder below `sharedDir`. Binaries that it cannot run are copied there too.
 *
 * Existing data always takes precedence: a folder that contains data is used, and its owner is changed to the user that
 * runs Postgres now.
 */
export function preparePostgresHome(request: HomeRequest): PostgresHome {
  const { dataDir, native } = request;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  if (process.getuid?.() !== 0) return ownHome(dataDir, native);
  return rootHome(request);
}

function ownHome(home: string, native: string): PostgresHome {
  const owner = statSync(home).uid;
  if (process.getuid && owner !== process.getuid()) {
    throw new UserError(
      `The data folder ${home} belongs to another user (${owner}). ` +
        'Start as that user, or set DATA_DIR to another folder.',
    );
  }
  return { home, bin: join(native, 'bin'), prefix: [] };
}

function rootHome(request: HomeRequest): PostgresHome {
  const { dataDir, sharedDir, native } = request;
  const account = unprivilegedAccount();
  const apart = join(sharedDir, createHash('sha256').update(dataDir).digest('hex').slice(0, 16));
  const existing = !hasData(dataDir) && hasData(apart) ? apart : dataDir;
  return (
    (request.namespaces ? namespaceHome(existing, native, account) : undefined) ??
    accountHome(existing, request, account) ??
    accountHome(movedData(existing, apart), request, account) ??
    refuse(native)
  );
}

function refuse(native: string): never {
  throw new UserError(
    `Postgres refuses to run as root, and here neither a user namespace nor another account can run ${native}. ` +
      'Start as a normal user, or set DATABASE_URL.',
  );
}

function namespaceHome(home: string, native: string, { uid, gid }: Account): PostgresHome | undefined {
  const prefix = ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`, '--'];
  giveFolder(home, { uid: 0, gid: 0 });
  return ifUsable({ home, bin: join(native, 'bin'), prefix });
}

function accountHome(home: string, request: HomeRequest, account: Account): PostgresHome | undefined {
  const { uid, gid } = account;
  giveFolder(home, account);
  const place = { home, prefix: [], uid, gid };
  return (
    ifUsable({ ...place, bin: join(request.native, 'bin') }) ?? ifUsable({ ...place, bin: copiedPrograms(request) })
  );
}

/** Undefined unless a process with this identity may run the program and write to the folder. */
function ifUsable(place: PostgresHome): PostgresHome | undefined {
  const test = 'cd "$1" && test -w . && "$0" --version';
  const [program = '', ...args] = [...place.prefix, 'sh', '-c', test, join(place.bin, 'postgres'), place.home];
  const { uid, gid } = place;
  const identity = uid === undefined || gid === undefined ? {} : { uid, gid };
  return spawnSync(program, args, { cwd: '/', stdio: 'ignore', ...identity }).status === 0 ? place : undefined;
}

function hasData(home: string): boolean {
  return existsSync(join(home, 'data', 'PG_VERSION'));
}

function movedData(from: string, to: string): string {
  if (from === to) return to;
  mkdirSync(to, { recursive: true, mode: 0o700 });
  chmodSync(dirname(to), 0o755);
  if (hasData(from)) {
    cpSync(from, to, { recursive: true, preserveTimestamps: true });
    chmodSync(join(to, 'data'), 0o700);
    renameSync(join(from, 'data'), join(from, 'data.moved'));
  }
  return to;
}

/** Changes the owner of the folder and its contents when the last start ran as another user. */
function giveFolder(home: string, { uid, gid }: Pick<Account, 'uid' | 'gid'>): void {
  const data = join(home, 'data');
  const owners = [home, data].filter((path) => existsSync(path)).map((path) => statSync(path).uid);
  if (owners.some((owner) => owner !== uid)) spawnSync('chown', ['-R', `${uid}:${gid}`, home], { stdio: 'ignore' });
}

/**
 * Copies the programs, 60 MB, once per version. The copy is made under another name first, so that an interrupted one
 * is never used.
 */
function copiedPrograms({ native, version, sharedDir }: HomeRequest): string {
  const copy = join(sharedDir, `postgres-${version}`);
  if (!existsSync(copy)) {
    const aside = `${copy}.${process.pid}`;
    mkdirSync(sharedDir, { recursive: true, mode: 0o755 });
    cpSync(realpathSync(native), aside, { recursive: true, verbatimSymlinks: true });
    spawnSync('chmod', ['-R', 'a+rX', aside]);
    chmodSync(sharedDir, 0o755);
    keepFirst(aside, copy);
  }
  return join(copy, 'bin');
}

function keepFirst(aside: string, copy: string): void {
  try {
    renameSync(aside, copy);
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    if (!existsSync(copy)) throw error;
  }
}

function unprivilegedAccount(): Account {
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ name, uid, gid }) => name !== '' && uid > 0 && gid > 0);
  const found = ['postgres', 'daemon', 'nobody'].flatMap((name) => accounts.filter((one) => one.name === name))[0];
  const account = found ?? accounts[0];
  if (account) return account;
  throw new UserError('Postgres refuses to run as root, and this machine has no other account. Set DATABASE_URL.');
}
