import { MantineProvider } from '@mantine/core';
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { theme } from '../src/ui/theme.ts';

/** The CSS variables that Mantine would render into the page for the theme, one a line. */
export function themeCss(): string {
  const markup = renderToStaticMarkup(createElement(MantineProvider, { theme, withGlobalClasses: false }));
  const css = /<style data-mantine-styles="true">(.*)<\/style>/s.exec(markup)?.[1];
  if (!css) throw new Error('Mantine rendered no variables.');
  const lines = css
    .replaceAll('&quot;', '"')
    .replace(/\s*\{\s*/g, ' {\n  ')
    .replace(/;\s*/g, ';\n  ')
    .replace(/\s*\}\s*/g, '\n}\n')
    .split('\n')
    .filter((line) => line.trim() !== '');
  return `/* Generated from theme.ts: UPDATE_THEME=1 npm test -- services/web/test/theme.test.ts */\n${lines.join('\n')}\n`;
}
