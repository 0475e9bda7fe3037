import { useEffect } from 'react';
import { PageFrame } from '../ui/page-frame.tsx';
import classes from './cluster-page.module.css';
import { type ClusterState, startPulling, useCluster } from './data/cluster-store.ts';
import type { PageRoute } from './data/page-route.ts';
import { leaveRoute, useRoute } from './data/use-route.ts';
import { DeadLetters } from './dead-letters/dead-letters.tsx';
import { Flow } from './flow/flow.tsx';
import { Freshness, StaleBanner } from './freshness.tsx';
import { LocalPanel } from './local/local-panel.tsx';
import { MessageLookup } from './lookup/message-lookup.tsx';
import { UserLookup } from './lookup/user-lookup.tsx';
import { Gateways } from './processes/gateways.tsx';
import { Lanes } from './processes/lanes.tsx';
import { Stores } from './processes/stores.tsx';
import { Workers } from './processes/workers.tsx';
import { RunbookDialog } from './verdict/runbook-dialog.tsx';
import { Verdict } from './verdict/verdict.tsx';

/** The state of the whole cluster on one page, in the order in which an operator needs it. */
export function ClusterPage() {
  const state = useCluster();
  const route = useRoute();
  useEffect(startPulling, []);
  const { overview, source } = state;
  const isLocal = source?.local !== undefined;
  return (
    <PageFrame page="cluster" hasCluster={isLocal} actions={<Freshness state={state} />}>
      <div className={classes.page}>
        <header className={classes.head}>
          <h1 className={classes.title}>{overview ? `Cluster ${overview.clusterName}` : 'Cluster'}</h1>
          {overview && <Sections isLocal={isLocal} queueBoard={overview.queueBoard} />}
        </header>
        <StaleBanner state={state} />
        {!overview && state.failingSince === undefined && <p className={classes.loading}>Loading the figures …</p>}
        {overview && source && <Content state={{ ...state, overview, source }} route={route} />}
      </div>
      {route.view === 'runbook' && <RunbookDialog section={route.section} onClose={leaveRoute} />}
    </PageFrame>
  );
}

type LoadedState = ClusterState & Required<Pick<ClusterState, 'overview' | 'source'>>;

function Content({ state, route }: { state: LoadedState; route: PageRoute }) {
  const { overview, source, processes, failingSince } = state;
  const { at, canAct } = overview;
  return (
    <>
      <div className={classes.sections} data-stale={failingSince !== undefined}>
        <Verdict overview={overview} isStale={failingSince !== undefined} />
        {source.local && processes && <LocalPanel control={source.local} processes={processes} />}
        <Gateways gateways={overview.gateways} at={at} unreadableSnapshots={overview.unreadableSnapshots} />
        <Workers workers={overview.workers} at={at} />
        <div className={classes.pair}>
          <Lanes lanes={overview.lanes} at={at} />
          <Stores redis={overview.redis} postgres={overview.postgres} />
        </div>
        <Flow flow={overview.flow} at={at} />
      </div>
      <div className={classes.sections}>
        <UserLookup source={source} canAct={canAct} userId={route.view === 'user' ? route.userId : undefined} />
        <MessageLookup source={source} id={route.view === 'message' ? route.id : undefined} />
        <DeadLetters source={source} canAct={canAct} count={overview.flow.deadLetters} />
      </div>
      <p className={classes.cost}>
        The snapshots behind this page take {overview.snapshotCpuPercent.toFixed(2)} % of a core in each process. The
        page requests them every 2 s while it is visible.
      </p>
    </>
  );
}

/** Links to the parts of the page. */
function Sections({ isLocal, queueBoard }: { isLocal: boolean; queueBoard: string | undefined }) {
  return (
    <nav className={classes.nav} aria-label="Sections">
      <a href="#verdict">Verdict</a>
      {isLocal && <a href="#local">This machine</a>}
      <a href="#gateways">Processes</a>
      <a href="#messages">Messages</a>
      <a href="#user">User</a>
      <a href="#message">Message</a>
      <a href="#dead-letters">Dead letters</a>
      {queueBoard !== undefined && <a href={queueBoard}>Bull Board</a>}
    </nav>
  );
}
