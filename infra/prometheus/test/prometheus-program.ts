import { spawnSync } from 'node:child_process';
import { dirname, isAbsolute, join } from 'node:path';
import { type DebianProgram, findProgram, PROMETHEUS, toolsFolder } from '@chat-cluster/local-cluster';

/** The folder `infra`, with the rules and dashboards. */
export const INFRA = join(import.meta.dirname, '../..');

/** Finds Prometheus on the PATH, else unpacks Debian's package. */
export function findPrometheus(): Promise<DebianProgram> {
  return findProgram(PROMETHEUS, toolsFolder, () => {});
}

/** Runs promtool, which comes with Prometheus. Returns its output, or throws it when promtool reports a problem. */
export async function promtool(args: string[], cwd: string): Promise<string> {
  const { program, env } = await findPrometheus();
  const tool = isAbsolute(program) ? join(dirname(program), 'promtool') : 'promtool';
  const { status, stdout, stderr } = spawnSync(tool, args, { cwd, encoding: 'utf8', env: { ...process.env, ...env } });
  if (status !== 0) throw new Error(`promtool ${args.join(' ')}: ${stdout}${stderr}`);
  return `${stdout}${stderr}`;
}
