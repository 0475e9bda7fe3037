import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { toolsFolder, unpackDebianPackage } from '@chat-cluster/local-cluster';
import { UserError } from '@chat-cluster/runtime';

/**
 * `program` with `env` runs Erlang with access to ejabberd's code and takes Erlang's arguments. `schema`: the file with
 * the SQL that creates its tables.
 */
export type EjabberdProgram = NonNullable<ReturnType<typeof unpacked>>;

const FOLDER = join(toolsFolder, `ejabberd-${process.platform}-${process.arch}`);

/**
 * Finds ejabberd and Erlang, or unpacks the Debian packages into the project's folder of tools once (32 MB, 10 s).
 * Debian's own start script works in /usr only, so the arm starts Erlang as that script would. Throws UserError with
 * the reason where the packages are not available.
 */
export async function findEjabberd(log: (line: string) => void): Promise<EjabberdProgram> {
  const found = unpacked();
  if (found) return found;
  log('Downloading ejabberd and Erlang once: Debian packages, unpacked into the project');
  rmSync(FOLDER, { recursive: true, force: true });
  try {
    await unpackDebianPackage(['ejabberd'], FOLDER, { packages: ['erlang-p1-pgsql'], families: ['erlang'] });
  } catch (error) {
    const lines = (String((error as { stderr?: string }).stderr ?? '').trim() || String(error)).split('\n');
    throw new UserError(lines.find((line) => line.startsWith('E:')) ?? lines[0] ?? '');
  }
  const fetched = unpacked();
  if (!fetched) throw new UserError('the downloaded packages lack Erlang or the tables of ejabberd');
  return fetched;
}

function unpacked() {
  const root = join(FOLDER, 'usr/lib/erlang');
  const runtime = existsSync(root) && readdirSync(root).find((name) => name.startsWith('erts-'));
  const schema = join(FOLDER, 'usr/share/ejabberd/sql/pg.sql');
  const libraries = join(FOLDER, 'usr/lib');
  const folder = existsSync(libraries) && readdirSync(libraries).find((name) => name.endsWith('-linux-gnu'));
  if (!runtime || !folder || !existsSync(schema)) return undefined;
  const bin = join(root, runtime, 'bin');
  const code = join(libraries, folder);
  const env = { ROOTDIR: root, BINDIR: bin, EMU: 'beam', PROGNAME: 'erl', ERL_LIBS: code, LD_LIBRARY_PATH: code };
  return { program: join(bin, 'erlexec'), env, schema };
}
