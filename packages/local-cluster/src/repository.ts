import { resolve } from 'node:path';

/** Folder of the repository: its services and packages, and the ignored folder `.local`. */
export const repository = resolve(import.meta.dirname, '../../..');

/** Folder of fetched programs, such as redis-server. */
export const toolsFolder = resolve(repository, '.local/tools');

/** Default of DATA_DIR. */
export const defaultDataFolder = resolve(repository, '.local/data');

/** Folder of the builds of services/web, each in a folder named by the hash of its sources. */
export const webBuildsFolder = resolve(repository, '.local/web');
