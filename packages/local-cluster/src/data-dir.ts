import { isAbsolute, join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { defaultDataFolder, repository } from './repository.ts';

/** Adds the variables of the repository's `.env`, if there is one. A variable that is already set keeps its value. */
export function loadEnvFile(): void {
  try {
    process.loadEnvFile(join(repository, '.env'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') throw new UserError(`The file .env cannot be read: ${message}.`);
  }
}

/** The absolute path of DATA_DIR. A relative DATA_DIR counts from the repository, wherever the command was called. */
export function readDataDir(env: NodeJS.ProcessEnv): string {
  const wanted = env.DATA_DIR || defaultDataFolder;
  return isAbsolute(wanted) ? wanted : join(repository, wanted);
}
