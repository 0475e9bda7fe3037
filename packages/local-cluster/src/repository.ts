import { resolve } from 'node:path';

/** Folder of the repository: its services and packages, and the ignored folder `.local`. */
export const repository = resolve(import.meta.dirname, '../../..');

/** Folder of fetched programs, such as redis-server. */
export const toolsFolder = resolve(repository, '.local/tools');

/** Default of DATA_DIR. */
export const defaultDataFolder = resolve(repository, '.local/data');
