import { ask, type Entry, openSession } from '../entry.ts';
import { type Finding, reasonOf, reporter } from '../finding.ts';
import { judgeSkew } from '../judge-skew.ts';

const PRIVATE = ['/healthz', '/readyz', '/metrics'];
const LOCAL = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Whether clients get as far as a gateway, what else they get to see, and what time it is there. */
export async function checkEntry(entry: Entry): Promise<Finding[]> {
  const entryIs = reporter('entry');
  const asked = Date.now();
  try {
    const { answer, gateway } = await openSession(entry);
    return [
      entryIs.ok(`${entry.url} opens sessions${gateway ? `, on ${gateway} this time` : ''}`),
      judgeTls(entry),
      judgeDate(answer.headers.date, asked),
      await judgePrivate(entry),
    ];
  } catch (error) {
    const fix = 'check DNS, the load balancer, and that a gateway is ready behind it (/readyz of its admin port)';
    return [entryIs.failed(`${entry.url} opens no session: ${reasonOf(error)}`, fix)];
  }
}

function judgeTls({ url }: Entry): Finding {
  const tls = reporter('tls');
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:') return tls.ok('clients come encrypted');
  if (LOCAL.test(hostname)) return tls.ok('not encrypted, on this machine alone');
  return tls.warning(
    'tokens and messages travel in the clear',
    'terminate TLS at the load balancer, and give clients https://',
  );
}

/** The header has whole seconds. */
const DATE_PRECISION_MS = 1_000;

function judgeDate(date: string | undefined, asked: number): Finding {
  const clock = reporter('clock of the entry');
  const there = Date.parse(date ?? '');
  if (Number.isNaN(there)) return clock.skipped('it tells no time', 'let the load balancer pass the header Date on');
  return judgeSkew(clock, there + DATE_PRECISION_MS / 2, { from: asked, to: Date.now() }, DATE_PRECISION_MS / 2);
}

async function judgePrivate({ url }: Entry): Promise<Finding> {
  const hidden = reporter('private paths');
  const seen: string[] = [];
  for (const path of PRIVATE) {
    const answer = await ask(url + path).catch(() => undefined);
    if (answer?.status === 200) seen.push(path);
  }
  if (seen.length === 0) return hidden.ok('probes and metrics are not public');
  return hidden.warning(
    `${seen.join(', ')} can be read by everybody`,
    'refuse them at the load balancer, as infra/haproxy does',
  );
}
