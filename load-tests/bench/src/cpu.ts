import { readFile } from 'node:fs/promises';

/** Clock ticks per second of Linux's /proc, fixed at 100 for user space. */
const TICKS = 100;

/** CPU seconds that each process with all its children has used, by name; those of one name are added up. Reads the operating system. */
export async function cpuSeconds(processes: readonly { name: string; pid: number }[]): Promise<Map<string, number>> {
  const used = new Map<string, number>();
  for (const { name, pid } of processes) used.set(name, (used.get(name) ?? 0) + (await ofTree(pid)));
  return used;
}

async function ofTree(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (!stat) return 0;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Its own time, and that of children which have ended.
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const of = await Promise.all(
    children
      .split(' ')
      .filter(Boolean)
      .map((child) => ofTree(Number(child))),
  );
  return of.reduce((sum, seconds) => sum + seconds, own);
}
