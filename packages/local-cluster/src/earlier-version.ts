import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { UserError } from '@chat-cluster/runtime';
import { repository } from './repository.ts';

const run = promisify(execFile);
const VERSIONS_FOLDER = join(repository, '.local/versions');

/**
 * Unpacks the repository at a commit into a folder, and installs it by its own lockfile. The folder is kept for later
 * runs. Throws UserError when git or the commit is missing, or the installation fails.
 */
export async function earlierVersion(ref: string): Promise<{ commit: string; folder: string }> {
  const commit = await commitOf(ref);
  const folder = join(VERSIONS_FOLDER, commit.slice(0, 12));
  if (!existsSync(folder)) await unpack(commit, folder);
  await install(folder, ref);
  return { commit, folder };
}

async function commitOf(ref: string): Promise<string> {
  try {
    const { stdout } = await run('git', ['-C', repository, 'rev-parse', '--verify', '--quiet', `${ref}^{commit}`]);
    return stdout.trim();
  } catch (error) {
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') throw new UserError('An earlier version is unpacked with git. Install git.');
    if (/not a git repository/i.test(stderr)) {
      throw new UserError(
        'An earlier version is unpacked from the git history, which this folder does not have. Use a clone.',
      );
    }
    throw new UserError(
      `There is no commit ${ref}. Choose another with --from, or fetch the history (git fetch --unshallow). ${stderr.trim()}`.trim(),
    );
  }
}

/** Unpacks under a temporary name, so that an interrupted run leaves no incomplete version. */
async function unpack(commit: string, folder: string): Promise<void> {
  const temporary = `${folder}.new`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  const archive = join(temporary, 'version.tar');
  await run('git', ['-C', repository, 'archive', '--format=tar', '-o', archive, commit]);
  await run('tar', ['-xf', archive, '-C', temporary]);
  rmSync(archive);
  renameSync(temporary, folder);
}

async function install(folder: string, ref: string): Promise<void> {
  // Without this variable: with it, the bootstrap would look for the npm that called it.
  const { npm_lifecycle_event: _, ...env } = process.env;
  try {
    await run(process.execPath, [join(folder, 'infra/local/bootstrap.mjs'), 'install', '.'], { cwd: folder, env });
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    throw new UserError(`The commit ${ref} could not be installed: ${(stderr?.trim() || message).slice(-1_000)}`);
  }
  if (!existsSync(join(folder, 'node_modules'))) {
    throw new UserError(
      `The commit ${ref} is too old: its bootstrap has no install command. Choose another with --from.`,
    );
  }
}
