import type { WantedProgram } from './debian-program.ts';

/** Debian programs that tests and load tests run, beside Redis. */
export const HAPROXY: WantedProgram = {
  names: ['haproxy'],
  versionFlag: '-v',
  versionOf: (printed) => /^HAProxy version (\S+)/.exec(printed)?.[1],
};

export const NGINX: WantedProgram = {
  names: ['nginx'],
  versionFlag: '-v',
  versionOf: (printed) => /^nginx version: nginx\/(\S+)/m.exec(printed)?.[1],
};

export const PROMETHEUS: WantedProgram = {
  names: ['prometheus'],
  versionFlag: '--version',
  versionOf: (printed) => /version (\S+)/.exec(printed)?.[1],
};
