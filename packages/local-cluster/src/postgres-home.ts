/*
 * Who runs Postgres, and where its files lie. Postgres refuses to run as root, so:
 *
 *  self        we are not root: run it as we are.
 *  namespace   root: `unshare --user` maps root to an ordinary account inside a user namespace. Postgres sees that account
 *              as itself, the kernel still sees root on disk, so it works although the clone or the data folder lies
 *              where no other user may enter (/root, a 0700 temporary folder). The account must really exist:
 *              Postgres asks getpwuid() for it.
 *  account     root where user namespaces are forbidden (Docker's default seccomp profile): run as an unprivileged account.
 *              The data folder is used in place if that account may enter it, else the data lives in a folder of its
 *              own below `sharedDir`; the same for the binaries, which are copied there.
 *
 * Data is never left behind: a folder with data in it wins over the rules above, and is handed to whoever runs now.
 */
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
  /** Folder of the programs (initdb, postgres). */
  bin: string;
  /** Goes before every command line; empty or `unshare … --`. */
  prefix: readonly string[];
  uid?: number;
  gid?: number;
}

export interface HomeRequest {
  dataDir: string;
  /** The package's folder with bin/, lib/ and share/. */
  native: string;
  /** Distinguishes the copies of the programs. */
  version: string;
  /** False: behave as if user namespaces were forbidden. */
  namespaces: boolean;
  sharedDir: string;
}

interface Account {
  name: string;
  uid: number;
  gid: number;
}

/** Decides as told above and makes the folder; throws UserError when no way is open. */
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
      `The data folder ${home} belongs to another user (${owner}). Start as that user, or set DATA_DIR to another folder.`,
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

/** Asks the very process that will run Postgres whether it may run the program and write to the folder. */
function ifUsable(place: PostgresHome): PostgresHome | undefined {
  const question = 'cd "$1" && test -w . && "$0" --version';
  const [program = '', ...args] = [...place.prefix, 'sh', '-c', question, join(place.bin, 'postgres'), place.home];
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

/** The folder and all in it change hands when the last start ran as somebody else. */
function giveFolder(home: string, { uid, gid }: Pick<Account, 'uid' | 'gid'>): void {
  const data = join(home, 'data');
  const owners = [home, data].filter((path) => existsSync(path)).map((path) => statSync(path).uid);
  if (owners.some((owner) => owner !== uid)) spawnSync('chown', ['-R', `${uid}:${gid}`, home], { stdio: 'ignore' });
}

/** 60 MB, copied once per version; made under another name first, so that an interrupted copy is not taken for a whole one. */
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
