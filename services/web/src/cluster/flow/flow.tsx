import type { MessageFlow } from '@chat-cluster/contracts';
import { samples } from '../data/cluster-store.ts';
import { formatCount } from '../data/format-figures.ts';
import { Panel } from '../parts/panel.tsx';
import { CHARTS, shedChart } from './chart-specs.ts';
import classes from './flow.module.css';
import { LiveChart } from './live-chart.tsx';

/** Rates, latencies and refusals of messages. The page keeps 15 minutes, from its opening on. */
export function Flow({ flow, at }: { flow: MessageFlow; at: number }) {
  const { unreadDrift, deadLetters } = flow;
  return (
    <Panel
      title="Messages"
      id="messages"
      note="Up to 15 minutes, recorded while this page is open and visible"
      actions={
        <dl className={classes.counts}>
          <div title="Unread counters that were wrong and corrected, since the processes started">
            <dt>Unread drift</dt>
            <dd>{formatCount(unreadDrift)}</dd>
          </div>
          <div>
            <dt>Dead letters</dt>
            <dd>{deadLetters > 0 ? <a href="#dead-letters">{formatCount(deadLetters)}</a> : '0'}</dd>
          </div>
        </dl>
      }
    >
      <div className={classes.charts}>
        {[...CHARTS, shedChart(samples.names)].map((spec) => (
          <LiveChart key={spec.title} spec={spec} at={at} />
        ))}
      </div>
    </Panel>
  );
}
