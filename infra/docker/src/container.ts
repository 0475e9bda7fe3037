import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface ContainerOptions {
  /** Absolute path of the folder that the process has as `/`. */
  root: string;
  /** User and group id. 0 keeps the rights of root, which build steps have. */
  user: number;
  workdir: string;
  env: Record<string, string>;
  /** Makes `root` read-only, with an empty writable /tmp. */
  readOnly: boolean;
  command: readonly string[];
}

export interface Container {
  /** Sends the signal to process 1. */
  signal(name: NodeJS.Signals): void;
  /** Kills it now, if it has not ended. */
  kill(): void;
  /** Resolves with its exit code (128 + number for a signal) when it has ended. */
  exited: Promise<number>;
  /** Everything it has written so far. */
  output(): string;
}

/** Mounts what a container has, then replaces itself by the command. */
const MOUNTS = `
set -e
mount --bind "$ROOT" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
if [ "$READ_ONLY" = true ]; then
  mount -o remount,ro,bind "$ROOT"
  mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"
fi
exec chroot "$ROOT" "$@"`;

/**
 * Starts a process in a root folder as a container engine would run it: as process 1 of its own process namespace,
 * without capabilities and without a way to gain any. It uses the machine's network. Needs root.
 */
export function startContainer({ root, user, workdir, env, readOnly, command }: ContainerOptions): Container {
  const rights = user === 0 ? [] : dropRights(user);
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const inside = [...rights, 'env', '-i', '-C', workdir, ...variables, ...command];
  const child = spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', MOUNTS, 'sh', ...inside], {
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ROOT: root,
      READ_ONLY: String(readOnly),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return {
    signal: (name) => process.kill(firstProcess(child), name),
    kill: () => void child.kill('SIGKILL'),
    exited: new Promise((resolve, reject) => {
      child.once('error', reject).once('close', (code) => resolve(code ?? 255));
    }),
    output: () => output,
  };
}

/** Runs a command to its end and resolves with its output. Rejects, with the output, when its exit code is not 0. */
export async function runContainer(options: ContainerOptions): Promise<string> {
  const container = startContainer(options);
  const code = await container.exited;
  if (code !== 0)
    throw new Error(`${options.command.join(' ')} ended with ${code}:\n${container.output().slice(-4_000)}`);
  return container.output();
}

function dropRights(user: number): string[] {
  const rights = ['--no-new-privs', '--bounding-set=-all', '--inh-caps=-all', '--clear-groups'];
  return ['setpriv', `--reuid=${user}`, `--regid=${user}`, ...rights];
}

/** Process id, on this machine, of the child of unshare: process 1 of its namespace. */
function firstProcess({ pid }: ChildProcess): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return Number(children.trim().split(' ')[0]);
}
