import { useMemo, useSyncExternalStore } from 'react';
import { type PageRoute, parseRoute } from './page-route.ts';

export function useRoute(): PageRoute {
  const hash = useSyncExternalStore(onHash, () => window.location.hash);
  return useMemo(() => parseRoute(hash), [hash]);
}

/** Shows the overview, without a new entry in the history and without scrolling. */
export function leaveRoute(): void {
  window.history.replaceState(null, '', window.location.pathname);
  window.dispatchEvent(new HashChangeEvent('hashchange'));
}

function onHash(listener: () => void): () => void {
  window.addEventListener('hashchange', listener);
  return () => window.removeEventListener('hashchange', listener);
}
