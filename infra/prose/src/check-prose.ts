/*
 * `node infra/prose/src/check-prose.ts [file …]`: finds ruled-out phrases (rules.ts) in the given files, by default in
 * every text file that git tracks. Part of `npm run check`. Exit code 1 when it finds one.
 *
 * Not textlint or Vale: they read Markdown, but most prose of this repository is in comments, log lines, help texts and
 * YAML, and names should follow the same rules.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { RULES } from './rules.ts';

const repository = resolve(import.meta.dirname, '../../..');
const READ = /\.(md|ts|mts|js|mjs|cjs|ya?ml|sql|cfg|template|sh|example)$|(^|\/)Dockerfile$/;
/** Lock files are data; the rules and their test name what they forbid; the change log and old results are history. */
const LEFT_OUT = /(^|\/)pnpm-lock\.yaml$|^infra\/prose\/|^CHANGELOG\.md$|^load-tests\/results\/.*\.json$/;

const files = process.argv.length > 2 ? process.argv.slice(2) : trackedFiles();
let found = 0;
for (const file of files) {
  const lines = readFileSync(join(repository, file), 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    for (const { pattern, instead } of RULES) {
      const [phrase] = pattern.exec(line) ?? [];
      if (phrase === undefined) continue;
      found += 1;
      process.stdout.write(`${file}:${index + 1}: "${phrase}" → ${instead}\n    ${line.trim().slice(0, 160)}\n`);
    }
  }
}
process.stdout.write(`prose: ${files.length} files, ${found} ruled-out ${found === 1 ? 'phrase' : 'phrases'}\n`);
process.exitCode = found > 0 ? 1 : 0;

function trackedFiles(): string[] {
  const options = { cwd: repository, encoding: 'utf8' } as const;
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], options)
    .trim()
    .split('\n');
  return list.filter((file) => READ.test(file) && !LEFT_OUT.test(file) && existsSync(join(repository, file)));
}
