import { Component, type ReactNode } from 'react';
import { FailurePage } from './failure-page.tsx';

interface FailureBoundaryState {
  problem: string | undefined;
}

/**
 * Shows a page that could not be drawn as a failure, instead of an empty window: after an upgrade, an open page may be
 * older than its server. A class, because React offers this only to classes.
 */
export class FailureBoundary extends Component<{ children: ReactNode }, FailureBoundaryState> {
  override state: FailureBoundaryState = { problem: undefined };

  static getDerivedStateFromError(error: unknown): FailureBoundaryState {
    return { problem: error instanceof Error ? error.message : String(error) };
  }

  override render() {
    const { problem } = this.state;
    if (problem === undefined) return this.props.children;
    return (
      <FailurePage
        title="The page cannot be shown"
        problem={`It may be older than the server: ${problem}`}
        action={{ label: 'Reload the page', run: () => location.reload() }}
      />
    );
  }
}
