import { globSync } from 'node:fs';
import { root } from './run-program.ts';

/** Test files that run in one mocha process, with a Redis and a Postgres of their own. */
export interface Suite {
  name: string;
  files: string[];
}

/** Folders of the test folders, in the order in which their suites start: the longest suites first. */
const PARENTS = ['load-tests', 'services', 'infra', 'packages'];
const FILES_PER_SUITE = 9;

/** Runs alone: its alerts fire when processes get too little CPU, and it checks that none fires without a fault. */
const ALONE = 'infra/prometheus/';

const PAGES = 'services/web/test/browser/';

/**
 * Test files that mostly wait for real time limits and use less than a quarter of a core. The order matters: the first
 * ones run beside the suite of ALONE, so they must not start services.
 */
const WAITING = [
  'packages/redis/',
  'packages/queue/',
  'packages/postgres/test/database',
  'services/gateway/test/affinity',
  'services/gateway/test/identity',
  'services/gateway/test/keep-alive',
  'services/gateway/test/presence',
  'services/worker/test/takeover',
  'packages/client/test/browser/minute',
  'packages/client/test/contract/local',
  'packages/client/test/contract/slow',
];

/** The suite that must run alone, those that mostly wait, and the others. */
export interface Suites {
  alone: Suite[];
  waiting: Suite[];
  working: Suite[];
}

/** The suites of the test files below these folders, or of all. */
export function findSuites(below: readonly string[]): Suites {
  const folders = PARENTS.flatMap((parent) => globSync(`${parent}/*`, { cwd: root }).sort());
  const all = folders.flatMap((folder) => globSync(`${folder}/test/**/*.test.ts`, { cwd: root }).sort());
  const isBelow = (file: string) => below.some((folder) => folder === '' || file.startsWith(`${folder}/`));
  const files = below.length === 0 ? all : all.filter(isBelow);
  const waiting = WAITING.flatMap((start) => files.filter((file) => file.startsWith(start)));
  const alone = files.filter((file) => file.startsWith(ALONE));
  const working = files.filter((file) => !waiting.includes(file) && !alone.includes(file));
  return {
    alone: suitesOf(alone),
    waiting: suitesOf(waiting).map(({ name, files }) => ({ name: `${name}, waiting`, files })),
    working: suitesOf(working),
  };
}

/**
 * One suite for the files of each folder; several for a folder with many files. The browser tests of the pages are a suite
 * of their own, because they share a cluster and a browser.
 */
function suitesOf(files: readonly string[]): Suite[] {
  const folders = Map.groupBy(files, (file) =>
    file.startsWith(PAGES) ? PAGES.slice(0, -1) : file.split('/').slice(0, 2).join('/'),
  );
  return [...folders].flatMap(([folder, inFolder]) => {
    const parts = Math.ceil(inFolder.length / FILES_PER_SUITE);
    return Array.from({ length: parts }, (_, part) => ({
      name: parts > 1 ? `${folder} (${part + 1} of ${parts})` : folder,
      files: inFolder.filter((_, index) => index % parts === part),
    }));
  });
}
