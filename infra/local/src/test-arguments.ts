import { existsSync, statSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { root } from './run-program.ts';

export interface TestArguments {
  /** Folders whose test files run, relative to the repository. */
  folders: string[];
  /** Test files or patterns of them. */
  files: string[];
  /** Options of mocha with their values. */
  options: string[];
}

/** Options whose value is a text, even if it is the name of a folder. */
const WITH_TEXT = ['-g', '--grep', '-f', '--fgrep'];

/** Sorts the arguments of `npm test`. Returns a sentence about an argument that names no test, if there is one. */
export function readTestArguments(args: readonly string[]): TestArguments | string {
  const sorted: TestArguments = { folders: [], files: [], options: [] };
  for (const [index, argument] of args.entries()) {
    const before = args[index - 1] ?? '';
    const path = resolve(root, argument);
    if (argument.startsWith('-') || WITH_TEXT.includes(before)) sorted.options.push(argument);
    else if (argument.endsWith('.ts')) sorted.files.push(argument);
    else if (existsSync(path) && statSync(path).isDirectory()) sorted.folders.push(relative(root, path));
    else if (before.startsWith('-')) sorted.options.push(argument);
    else return `${argument} is no test file and no folder. Pass test files, folders with tests, or options of mocha.`;
  }
  return sorted;
}
