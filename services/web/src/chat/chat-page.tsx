import { useStore } from 'zustand';
import { FailurePage } from '../ui/failure-page.tsx';
import { PageFrame } from '../ui/page-frame.tsx';
import { application, startApplication } from './application.ts';
import { HostedPage } from './hosted/hosted-page.tsx';
import { LocalPage } from './local/local-page.tsx';

export function ChatPage() {
  const state = useStore(application);
  if (state.phase === 'local') return <LocalPage panes={state.panes} traffic={state.traffic} />;
  if (state.phase === 'hosted') return <HostedPage hosted={state.hosted} />;
  return (
    <PageFrame page="chat" hasCluster={false}>
      {state.phase === 'failed' && (
        <FailurePage
          title="The chat could not be opened"
          problem={state.problem}
          action={{ label: 'Try again', run: () => void startApplication() }}
        />
      )}
    </PageFrame>
  );
}
