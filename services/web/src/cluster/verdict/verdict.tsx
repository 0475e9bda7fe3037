import type { ClusterOverview, ClusterVerdict, HeldAlert, MixedVersions } from '@chat-cluster/contracts';
import { formatAge, formatTime } from '../data/format-figures.ts';
import { runbookLink } from '../data/page-route.ts';
import { ScrollBox } from '../parts/scroll-box.tsx';
import { StatusMark, type Tone } from '../parts/status-mark.tsx';
import { KeyFigures } from './key-figures.tsx';
import classes from './verdict.module.css';

const VERDICTS: Record<ClusterVerdict['state'], { title: string; meaning: string; icon: React.ReactNode }> = {
  healthy: {
    title: 'Healthy',
    meaning: 'Messages are stored and delivered.',
    icon: <path d="M20 2a18 18 0 1 0 0 36a18 18 0 1 0 0-36zM11 20.5l6.5 6.5L29.5 14" />,
  },
  degraded: {
    title: 'Degraded',
    meaning: 'Messages are stored and delivered, but something needs attention.',
    icon: <path d="M20 4l17.5 31.5h-35zM20 15.5v9.5M20 29.6v.8" />,
  },
  broken: {
    title: 'Broken',
    meaning: 'Messages are not stored or not delivered.',
    icon: <path d="M13 3h14l10 10v14l-10 10h-14l-10-10v-14zM14 14l12 12M26 14l-12 12" />,
  },
};

/** The severities of the alert rules. */
const SEVERITIES: Record<HeldAlert['severity'], { tone: Tone; text: string; meaning: string }> = {
  page: { tone: 'bad', text: 'Page', meaning: 'Needs a person at once' },
  ticket: { tone: 'warning', text: 'Ticket', meaning: 'Needs a person within the next working day' },
};

/** The verdict on the cluster, its alerts and recent changes. Operators read it first. */
export function Verdict({ overview, isStale }: { overview: ClusterOverview; isStale: boolean }) {
  const { verdict, changes, mixedVersions, at } = overview;
  const { title, meaning, icon } = VERDICTS[verdict.state];
  return (
    <section className={classes.verdict} id="verdict" aria-labelledby="verdict-title" data-state={verdict.state}>
      <div className={classes.head}>
        <svg className={classes.icon} viewBox="0 0 40 40" aria-hidden="true">
          {icon}
        </svg>
        <div>
          <h2 className={classes.title} id="verdict-title">
            {isStale ? `Was ${title.toLowerCase()}` : title}
          </h2>
          <p className={classes.meaning}>
            {isStale ? `At ${formatTime(at, at)}. The state is unknown since then.` : meaning}
          </p>
        </div>
      </div>
      <KeyFigures overview={overview} />
      <div className={classes.columns}>
        <div className={classes.column}>
          <Alerts alerts={verdict.alerts} />
          {mixedVersions && <VersionNote mixed={mixedVersions} at={at} />}
        </div>
        <Changes changes={changes} at={at} />
      </div>
      <VerdictAnnouncement verdict={verdict} />
    </section>
  );
}

function Alerts({ alerts }: { alerts: ClusterVerdict['alerts'] }) {
  return (
    <>
      <h3 className={classes.subtitle}>
        Alerts{alerts.length > 0 && <span className={classes.count}> {alerts.length}</span>}
      </h3>
      {alerts.length === 0 && <p className={classes.none}>No alert holds.</p>}
      <ul className={classes.list} aria-label="Alerts">
        {alerts.map(({ name, severity, summary, runbook }) => (
          <li key={`${name} ${summary}`} className={classes.alert}>
            <StatusMark tone={SEVERITIES[severity].tone}>
              <span title={SEVERITIES[severity].meaning}>{SEVERITIES[severity].text}</span>
            </StatusMark>
            <span className={classes.summary}>
              {summary} <span className={classes.alertName}>{name}</span>
            </span>
            <a href={runbookLink(runbook)} aria-label={`What to do about ${name}`}>
              What to do
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}

/** Information only: a rolling upgrade is no reason to act, a mix of versions that lasts may be one. */
function VersionNote({ mixed: { since, versions }, at }: { mixed: MixedVersions; at: number }) {
  const shown = versions.map(({ version, processes }) => `${version} (${processes})`).join(', ');
  return (
    <p className={classes.note} role="note" aria-label="Versions">
      <StatusMark tone="off">Info</StatusMark>
      <span>
        Processes of different versions run since{' '}
        <time dateTime={new Date(since).toISOString()} title={`for ${formatAge(at - since)}`}>
          {formatTime(since, at)}
        </time>
        : {shown}.
      </span>
    </p>
  );
}

function Changes({ changes, at }: { changes: ClusterOverview['changes']; at: number }) {
  return (
    <div className={classes.column}>
      <h3 className={classes.subtitle}>Recent changes</h3>
      {changes.length === 0 && <p className={classes.none}>Nothing has changed since the snapshots began.</p>}
      {changes.length > 0 && (
        <ScrollBox label="Recent changes" className={classes.changes}>
          <ol className={classes.list} aria-label="Recent changes">
            {changes.map(({ at: changedAt, subject, text }) => (
              <li key={`${changedAt} ${subject} ${text}`} className={classes.change}>
                <time dateTime={new Date(changedAt).toISOString()} title={`${formatAge(at - changedAt)} ago`}>
                  {formatTime(changedAt, at)}
                </time>
                <span>
                  <strong>{subject === '' ? 'Verdict' : subject}</strong> {text}
                </span>
              </li>
            ))}
          </ol>
        </ScrollBox>
      )}
    </div>
  );
}

/** The only part that screen readers announce on their own: figures change every two seconds, a verdict rarely. */
function VerdictAnnouncement({ verdict }: { verdict: ClusterVerdict }) {
  const { title, meaning } = VERDICTS[verdict.state];
  const names = [...new Set(verdict.alerts.map(({ name }) => name))].toSorted();
  return (
    <div role="status" aria-label="Verdict" className={classes.announcement}>
      {`${title}: ${meaning}${names.length > 0 ? ` Alerts: ${names.join(', ')}.` : ''}`}
    </div>
  );
}
