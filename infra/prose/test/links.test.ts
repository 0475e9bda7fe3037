import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { expect } from 'chai';

/** Text of code blocks and inline code is no link. */
const CODE = /^```[\s\S]*?^```|`[^`\n]*`/gm;

describe('the links of Markdown', () => {
  const list = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], {
    cwd: repository,
    encoding: 'utf8',
  });
  const files = list
    .trim()
    .split('\n')
    .filter((file) => existsSync(join(repository, file)));

  for (const file of files) {
    it(`lead to files and headings that exist: ${file}`, () => {
      const text = readFileSync(join(repository, file), 'utf8').replaceAll(CODE, '');
      const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target = '']) => target)
        .filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(file, target));
      expect(broken).to.deep.equal([]);
    });
  }
});

function leadsSomewhere(file: string, target: string): boolean {
  const [path = '', anchor] = target.split('#');
  const found = path === '' ? join(repository, file) : resolve(join(repository, dirname(file)), path);
  if (!existsSync(found)) return false;
  return anchor === undefined || anchorsOf(found).has(anchor);
}

/** Anchors as GitHub makes them: lower case, no punctuation, hyphens for spaces, numbers for repeated headings. */
function anchorsOf(file: string): Set<string> {
  const headings = readFileSync(file, 'utf8').matchAll(/^#{1,6} (.+)$/gm);
  const counts = new Map<string, number>();
  return new Set(
    [...headings].map(([, text = '']) => {
      const anchor = text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-');
      const earlier = counts.get(anchor) ?? 0;
      counts.set(anchor, earlier + 1);
      return earlier === 0 ? anchor : `${anchor}-${earlier}`;
    }),
  );
}
