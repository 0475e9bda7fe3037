import './mantine.ts';
import { MantineProvider } from '@mantine/core';
import { type ReactNode, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { FailureBoundary } from './failure-boundary.tsx';
import { theme } from './theme.ts';

/** Shows a page in the element `root`, without any style element: the content security policy forbids them. */
export function mount(page: ReactNode): void {
  const root = document.getElementById('root');
  if (!root) throw new Error('The page has no element with the id root.');
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
        <FailureBoundary>{page}</FailureBoundary>
      </MantineProvider>
    </StrictMode>,
  );
}
