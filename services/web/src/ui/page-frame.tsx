import type { MouseEvent, ReactNode } from 'react';
import { ColorSchemeMenu } from './color-scheme-menu.tsx';
import classes from './page-frame.module.css';

interface PageFrameProps {
  /** The page that is shown. */
  page: 'chat' | 'cluster';
  /** True: the server of the chat serves the cluster view too. */
  hasCluster: boolean;
  /** Controls at the end of the bar. */
  actions?: ReactNode;
  children: ReactNode;
}

/** The bar at the top, the link over it for keyboards, and the content. */
export function PageFrame({ page, hasCluster, actions, children }: PageFrameProps) {
  return (
    <div className={classes.frame}>
      {/* biome-ignore lint/a11y/useValidAnchor: for screen readers it leads to a part of the page */}
      <a className={classes.skip} href="#content" onClick={skip}>
        Skip to the content
      </a>
      <header className={classes.bar}>
        <div className={classes.brand}>
          <Mark />
          <span className={classes.name}>Chat Cluster</span>
        </div>
        {hasCluster && (
          <nav className={classes.nav} aria-label="Pages">
            <PageLink href="/" label="Chat" isCurrent={page === 'chat'} />
            <PageLink href="/cluster" label="Cluster" isCurrent={page === 'cluster'} />
          </nav>
        )}
        <div className={classes.actions}>
          {actions}
          <ColorSchemeMenu />
        </div>
      </header>
      <main id="content" className={classes.main} tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

/** Without a step in the history of the browser, and without a fragment in the address. */
function skip(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

function PageLink({ href, label, isCurrent }: { href: string; label: string; isCurrent: boolean }) {
  return (
    <a className={classes.link} href={href} aria-current={isCurrent ? 'page' : undefined}>
      {label}
    </a>
  );
}

/** Two speech bubbles that share an edge. */
function Mark() {
  return (
    <svg className={classes.mark} width="22" height="22" viewBox="0 0 24 24" aria-hidden="true">
      <path fill="currentColor" d="M5 3h8a3 3 0 0 1 3 3v3a3 3 0 0 1-3 3H8l-4 3.5V12a3 3 0 0 1-2-3V6a3 3 0 0 1 3-3Z" />
      <path
        fill="currentColor"
        opacity="0.45"
        d="M18 9h1a3 3 0 0 1 3 3v3a3 3 0 0 1-2 3v3.5L16 18h-4a3 3 0 0 1-3-3v-1.5h4a5 5 0 0 0 5-4.5Z"
      />
    </svg>
  );
}
