import type { WantedProgram } from './debian-program.ts';

/** The first one in which a tab behind another one is hidden, and kept for "back", without a screen. */
const OLDEST_CHROMIUM = 120;

/** Debian programs that tests and load tests run, in addition to Redis. */
export const CHROMIUM: WantedProgram = {
  names: ['chromium', 'google-chrome'],
  // The program in usr/bin is a script that needs the installed package.
  unpackedIn: 'usr/lib/chromium',
  versionFlag: '--version',
  versionOf(output) {
    const version = /^(?:Chromium|Google Chrome) (\S+)/m.exec(output)?.[1];
    return Number.parseInt(version ?? '', 10) >= OLDEST_CHROMIUM ? version : undefined;
  },
};

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
