import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { toolsFolder, unpackDebianPackage } from '@chat-cluster/local-cluster';
import { UserError } from '@chat-cluster/runtime';

export interface EjabberdProgram {
  /** Runs Erlang with ejabberd's code in reach; arguments are Erlang's. */
  program: string;
  env: NodeJS.ProcessEnv;
  /** SQL that makes its tables. */
  schema: string;
}

const FOLDER = join(toolsFolder, `ejabberd-${process.platform}-${process.arch}`);

/**
 * ejabberd and Erlang of Debian, unpacked into the project's folder of tools once (32 MB; some ten seconds). Debian's own
 * start script knows only /usr, so Erlang is started as that script would. Throws UserError, with the reason, where that
 * can not be had.
 */
export async function findEjabberd(log: (line: string) => void): Promise<EjabberdProgram> {
  const found = unpacked();
  if (found) return found;
  log('Fetching ejabberd and Erlang (Debian packages, unpacked into the project; once)');
  rmSync(FOLDER, { recursive: true, force: true });
  try {
    await unpackDebianPackage(['ejabberd'], FOLDER, { packages: ['erlang-p1-pgsql'], families: ['erlang'] });
  } catch (error) {
    const said = String((error as { stderr?: string }).stderr ?? '').trim() || String(error);
    throw new UserError(said.split('\n').find((line) => line.startsWith('E:')) ?? said.split('\n')[0] ?? '');
  }
  const fetched = unpacked();
  if (!fetched) throw new UserError('the fetched packages lack Erlang or the tables of ejabberd');
  return fetched;
}

function unpacked(): EjabberdProgram | undefined {
  const root = join(FOLDER, 'usr/lib/erlang');
  const runtime = existsSync(root) && readdirSync(root).find((name) => name.startsWith('erts-'));
  const schema = join(FOLDER, 'usr/share/ejabberd/sql/pg.sql');
  const libraries = join(FOLDER, 'usr/lib');
  const code = existsSync(libraries) && readdirSync(libraries).find((name) => name.endsWith('-linux-gnu'));
  if (!runtime || !code || !existsSync(schema)) return undefined;
  const bin = join(root, runtime, 'bin');
  const env = {
    ROOTDIR: root,
    BINDIR: bin,
    EMU: 'beam',
    PROGNAME: 'erl',
    ERL_LIBS: join(libraries, code),
    LD_LIBRARY_PATH: join(libraries, code),
  };
  return { program: join(bin, 'erlexec'), env, schema };
}
