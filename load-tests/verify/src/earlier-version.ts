import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repository } from '@chat-cluster/local-cluster';
import { UserError } from '@chat-cluster/runtime';

const run = promisify(execFile);
const HOME = join(repository, '.local/versions');

/**
 * The repository as it was at a commit, in a folder of its own that is kept, installed by its own lockfile. Resolves with
 * the folder. Throws UserError when there is no git, no such commit, or no way to install it.
 */
export async function earlierVersion(ref: string): Promise<string> {
  const commit = await commitOf(ref);
  const folder = join(HOME, commit.slice(0, 12));
  if (!existsSync(folder)) await unpack(commit, folder);
  await install(folder, ref);
  return folder;
}

async function commitOf(ref: string): Promise<string> {
  try {
    const { stdout } = await run('git', ['-C', repository, 'rev-parse', '--verify', '--quiet', `${ref}^{commit}`]);
    return stdout.trim();
  } catch (error) {
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT')
      throw new UserError('An upgrade begins with an earlier commit, and git is not installed: install it.');
    if (/not a git repository/i.test(stderr)) {
      throw new UserError(
        'An upgrade begins with an earlier commit, and this folder has no history: run it in a clone.',
      );
    }
    throw new UserError(
      `There is no commit ${ref} here: name one with --from, or fetch the history (git fetch --unshallow). ${stderr.trim()}`.trim(),
    );
  }
}

/** Under another name first, so that what was cut off is not taken for whole. */
async function unpack(commit: string, folder: string): Promise<void> {
  const aside = `${folder}.new`;
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside, { recursive: true });
  const archive = join(aside, 'version.tar');
  await run('git', ['-C', repository, 'archive', '--format=tar', '-o', archive, commit]);
  await run('tar', ['-xf', archive, '-C', aside]);
  rmSync(archive);
  renameSync(aside, folder);
}

async function install(folder: string, ref: string): Promise<void> {
  // Not npm's: the bootstrap would look for the npm that called it.
  const { npm_lifecycle_event: _, ...env } = process.env;
  try {
    await run(process.execPath, [join(folder, 'infra/local/bootstrap.mjs'), 'install', '.'], { cwd: folder, env });
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    throw new UserError(`The commit ${ref} could not be installed: ${(stderr?.trim() || message).slice(-1_000)}`);
  }
  if (!existsSync(join(folder, 'node_modules')))
    throw new UserError(`The commit ${ref} is too old: nothing installs it.`);
}
