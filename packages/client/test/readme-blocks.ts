import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** The code blocks of README.md in a language. */
export function readmeBlocks(language: string): string[] {
  const readme = readFileSync(resolve(import.meta.dirname, '../README.md'), 'utf8');
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, code = '']) => code);
}
