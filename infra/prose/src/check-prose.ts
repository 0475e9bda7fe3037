/*
 * `node infra/prose/src/check-prose.ts [file …]`: finds phrases of rules.ts in the given files, by default in every
 * text file of the repository. The exit code is 1 when it finds one. A gate of `npm run check` and `npm test`.
 *
 * Not textlint or Vale: they read Markdown, but most prose of this repository is in comments, log lines, help texts and
 * YAML, and names should follow the same rules.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { RULES } from './rules.ts';

const repository = resolve(import.meta.dirname, '../../..');
const TEXT = /\.(md|ts|mts|js|mjs|cjs|ya?ml|sql|cfg|template|sh|example)$|(^|\/)Dockerfile$/;
/**
 * Lock files and saved results are data, the change log is history, and the rules and their test contain the phrases.
 */
const EXCLUDED = /(^|\/)pnpm-lock\.yaml$|^infra\/prose\/|^CHANGELOG\.md$|^load-tests\/results\/.*\.json$/;

const files = process.argv.length > 2 ? process.argv.slice(2) : textFiles();
let found = 0;
for (const file of files) {
  const lines = readFileSync(resolve(repository, file), 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    for (const { pattern, instead } of RULES) {
      const [phrase] = pattern.exec(line) ?? [];
      if (phrase === undefined) continue;
      found += 1;
      process.stdout.write(`${file}:${index + 1}: "${phrase}" → ${instead}\n    ${line.trim().slice(0, 160)}\n`);
    }
  }
}
process.stdout.write(`prose: ${count(files.length, 'file')}, ${count(found, 'ruled-out phrase')}\n`);
process.exitCode = found > 0 ? 1 : 0;

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function textFiles(): string[] {
  return repositoryFiles().filter(
    (file) => TEXT.test(file) && !EXCLUDED.test(file) && existsSync(resolve(repository, file)),
  );
}

/** Without git, for example in an unpacked archive, all files outside of folders that git ignores. */
function repositoryFiles(): string[] {
  const options = { cwd: repository, encoding: 'utf8', stdio: 'pipe' } as const;
  try {
    return execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], options).trim().split('\n');
  } catch {
    return globSync('**/*', { cwd: repository, exclude: ['**/node_modules', '.local', '.chat'] });
  }
}
