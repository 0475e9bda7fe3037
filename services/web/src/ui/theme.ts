import { createTheme, type MantineColorsTuple } from '@mantine/core';

/** The accent of both pages, from the lightest to the darkest shade. */
const pine: MantineColorsTuple = [
  '#ecf7f4',
  '#d6eee8',
  '#addcd1',
  '#7fc8b8',
  '#57b4a1',
  '#2f9a86',
  '#17806f',
  '#0f6e60',
  '#0b5a4f',
  '#07463d',
];

/** The neutral shades of dark mode. The first is text, the seventh the page, as Mantine expects. */
const dark: MantineColorsTuple = [
  '#e6eae8',
  '#c3cbc8',
  '#a3aeaa',
  '#7c8783',
  '#3c4542',
  '#2b3230',
  '#202624',
  '#181c1b',
  '#121514',
  '#0c0f0e',
];

const SYSTEM_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';

/**
 * The look of both pages. Its CSS variables are in `theme-variables.css`, because the content security policy forbids the
 * style element that Mantine would render; a test compares the two.
 */
export const theme = createTheme({
  primaryColor: 'pine',
  primaryShade: { light: 7, dark: 6 },
  colors: { pine, dark },
  black: '#17201d',
  fontFamily: SYSTEM_FONT,
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  headings: { fontFamily: SYSTEM_FONT, fontWeight: '650' },
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.125rem' },
  radius: { xs: '0.25rem', sm: '0.375rem', md: '0.5rem', lg: '0.75rem', xl: '1rem' },
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Popover: { defaultProps: { shadow: 'md' } },
    Menu: { defaultProps: { shadow: 'md' } },
  },
});
