import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder for the data of servers; `undo` removes it. */
export async function dataFolder(undo: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'chat-bench-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
