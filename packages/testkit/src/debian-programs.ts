import type { WantedProgram } from '@chat-cluster/local/debian-program';

/** What tests run of Debian's, beside Redis. */
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
