import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Runs Node with `args` as a user does, in the environment `env`, and collects what it prints. */
export function runNode(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  options: { cwd?: string; timeout?: number } = {},
) {
  const child = spawn(process.execPath, args, { ...options, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
    });
  }
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }));
  return { child, output, ended };
}
