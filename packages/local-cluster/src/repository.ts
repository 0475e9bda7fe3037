import { resolve } from 'node:path';

/** Folder of the repository: its services and packages, and the ignored folder `.local`. */
export const repository = resolve(import.meta.dirname, '../../..');

/** Where fetched programs (redis-server) are kept. */
export const toolsFolder = resolve(repository, '.local/tools');

/** Where data goes unless DATA_DIR says otherwise. */
export const defaultDataFolder = resolve(repository, '.local/data');
