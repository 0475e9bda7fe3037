import type { WantedProgram } from './debian-program.ts';

/** Debian programs that tests and load tests run, in addition to Redis. */
export const HAPROXY: WantedProgram = {
  names: ['haproxy'],
  versionFlag: '-v',
  versionOf: (output) => /^HAProxy version (\S+)/.exec(output)?.[1],
};

export const NGINX: WantedProgram = {
  names: ['nginx'],
  versionFlag: '-v',
  versionOf: (output) => /^nginx version: nginx\/(\S+)/m.exec(output)?.[1],
};

export const PGBOUNCER: WantedProgram = {
  names: ['pgbouncer'],
  versionFlag: '--version',
  versionOf: (output) => /^PgBouncer (\S+)/.exec(output)?.[1],
};

export const PROMETHEUS: WantedProgram = {
  names: ['prometheus'],
  versionFlag: '--version',
  versionOf: (output) => /version (\S+)/.exec(output)?.[1],
};
