import manifest from '../package.json' with { type: 'json' };

/** The version of the project, shown in the API documents. */
export const { version } = manifest;
