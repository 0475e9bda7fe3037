import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { UserError } from '@chat-cluster/runtime';
import type { Options } from './options.ts';
import { phasesOf, scalePhases, thresholdsOf } from './phases.ts';
import type { Target } from './target.ts';

const folder = resolve(import.meta.dirname, '..');

/** Installs Artillery unless it is installed. Throws UserError when that fails; the output of pnpm is on the screen. */
export async function installArtillery(): Promise<void> {
  const code = await run([join(repository, 'infra/local/bootstrap.mjs'), 'install', 'load-tests/artillery'], {});
  if (code !== 0) throw new UserError('Artillery could not be installed.');
}

/** Runs a scenario with its report in `reportFile`. Resolves with the exit code, 128 + its number after a signal. */
export function runArtillery(options: Options, { url, secret }: Target, reportFile: string): Promise<number> {
  const args = ['--config', 'common.yml', '--target', url, '--output', reportFile];
  if (options.short) args.push('--environment', 'short');
  if (options.quiet) args.push('--quiet');
  const scaled = options.duration !== undefined || options.rate !== undefined;
  const config = {
    ...(scaled ? { phases: scalePhases(phasesOf(folder, options), options) } : {}),
    ...(options.maxP99 === undefined
      ? {}
      : { ensure: { thresholds: thresholdsOf(folder, options.scenario, options.maxP99) } }),
  };
  if (Object.keys(config).length > 0) args.push('--overrides', JSON.stringify({ config }));
  const variables = {
    ...(options.messages === undefined ? {} : { messages: options.messages }),
    ...(options.every === undefined ? {} : { everyMs: options.every }),
  };
  if (Object.keys(variables).length > 0) args.push('--variables', JSON.stringify(variables));
  const program = join(folder, 'node_modules', 'artillery', 'bin', 'run');
  return run([program, 'run', ...args, `scenarios/${options.scenario}.yml`], { JWT_SECRET: secret });
}

/**
 * The environment of Artillery: without telemetry, and without variables that it would misinterpret. WORKERS is a
 * setting of npm start; WORKER_ID and an API key would send results to Artillery's cloud.
 */
function environment(more: Record<string, string>): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !/^(WORKERS|WORKER_ID|ARTILLERY_.*)$/.test(name));
  return { ...Object.fromEntries(others), ...more, ARTILLERY_DISABLE_TELEMETRY: 'true' };
}

/** Runs node and forwards signals to it. A Ctrl-C in a terminal already reaches the whole process group. */
function run(args: readonly string[], env: Record<string, string>): Promise<number> {
  const child = spawn(process.execPath, args, { cwd: folder, stdio: 'inherit', env: environment(env) });
  const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  const handlers = {
    SIGTERM: () => child.kill('SIGTERM'),
    SIGHUP: () => child.kill('SIGTERM'),
    SIGINT: () => terminal || child.kill('SIGINT'),
  };
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler);
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('exit', (code, signal) => {
      for (const [name, handler] of Object.entries(handlers)) process.off(name, handler);
      done(signal ? 128 + ({ SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal as string] ?? 0) : (code ?? 1));
    });
  });
}
