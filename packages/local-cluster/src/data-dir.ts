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

/** The absolute path of DATA_DIR. A relative path is resolved against the repository, not the working directory. */
export function readDataDir(env: NodeJS.ProcessEnv): string {
  const dataDir = env.DATA_DIR || defaultDataFolder;
  return isAbsolute(dataDir) ? dataDir : join(repository, dataDir);
}
