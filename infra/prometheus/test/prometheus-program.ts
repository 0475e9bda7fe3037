import { spawnSync } from 'node:child_process';
import { dirname, isAbsolute, join } from 'node:path';
import { type DebianProgram, findProgram, PROMETHEUS, toolsFolder } from '@chat-cluster/local-cluster';

/** Where the rules and dashboards are. */
export const INFRA = join(import.meta.dirname, '../..');

/** Prometheus of the PATH, else Debian's, unpacked. */
export function findPrometheus(): Promise<DebianProgram> {
  return findProgram(PROMETHEUS, toolsFolder, () => {});
}

/** Runs promtool, which comes with Prometheus; returns all it said, throws when it is not content. */
export async function promtool(args: string[], cwd: string): Promise<string> {
  const { program, env } = await findPrometheus();
  const tool = isAbsolute(program) ? join(dirname(program), 'promtool') : 'promtool';
  const { status, stdout, stderr } = spawnSync(tool, args, { cwd, encoding: 'utf8', env: { ...process.env, ...env } });
  if (status !== 0) throw new Error(`promtool ${args.join(' ')}: ${stdout}${stderr}`);
  return `${stdout}${stderr}`;
}
