import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { themeCss } from './theme-css.ts';

const file = join(import.meta.dirname, '../src/ui/theme-variables.css');

describe('The theme of the web pages', () => {
  it('is the one in theme-variables.css', () => {
    const css = themeCss();
    if (process.env.UPDATE_THEME) writeFileSync(file, css);
    expect(readFileSync(file, 'utf8')).equals(css);
  });
});
