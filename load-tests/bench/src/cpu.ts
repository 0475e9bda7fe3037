import { readFile } from 'node:fs/promises';

/** Clock ticks per second of Linux's /proc, fixed at 100 for user space. */
const TICKS = 100;

/** CPU seconds that each process, with the children it has now, has used, by name. Reads the operating system. */
export async function cpuSeconds(processes: readonly { name: string; pid: number }[]): Promise<Map<string, number>> {
  const used = new Map<string, number>();
  for (const { name, pid } of processes) used.set(name, await ofTree(pid));
  return used;
}

async function ofTree(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (!stat) return 0;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const own = (Number(fields[11]) + Number(fields[12])) / TICKS;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const of = await Promise.all(
    children
      .split(' ')
      .filter(Boolean)
      .map((child) => ofTree(Number(child))),
  );
  return of.reduce((sum, seconds) => sum + seconds, own);
}
