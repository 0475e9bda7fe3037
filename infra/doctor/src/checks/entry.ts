import { reasonOf } from '@chat-cluster/runtime';
import { skewFinding } from '../clock-skew.ts';
import { type Finding, reporter } from '../finding.ts';
import { sendRequest } from '../http-request.ts';
import { type Entry, isLocal } from '../options.ts';
import { openPollingSession } from '../polling-session.ts';

/** Paths of the gateways' admin listener, which clients must not reach. */
const PRIVATE_PATHS = ['/healthz', '/readyz', '/metrics'];

/** Checks that clients reach a gateway over TLS, the clock of the entry, and that private paths are hidden. */
export async function checkEntry(entry: Entry): Promise<Finding[]> {
  const report = reporter('entry');
  const from = Date.now();
  try {
    const { opened, gateway } = await openPollingSession(entry);
    return [
      report.ok(`${entry.url} opens sessions${gateway ? ` (this one on ${gateway})` : ''}`),
      tlsFinding(entry),
      dateFinding(opened.headers.date, from),
      await privatePathsFinding(entry),
    ];
  } catch (error) {
    const fix =
      'check DNS and the load balancer, and check that a gateway behind it is ready (/readyz of its admin port)';
    return [report.failed(`${entry.url} opens no session: ${reasonOf(error)}`, fix)];
  }
}

function tlsFinding({ url }: Entry): Finding {
  const report = reporter('tls');
  if (url.startsWith('https:')) return report.ok('clients connect over TLS');
  if (isLocal(url)) return report.ok('connections are not encrypted, but they do not leave this machine');
  return report.warning(
    'tokens and messages are sent unencrypted',
    'terminate TLS at the load balancer, and use an https:// address in clients',
  );
}

/** Precision of the Date header, in ms. */
const DATE_PRECISION_MS = 1_000;

function dateFinding(date: string | undefined, from: number): Finding {
  const report = reporter('clock of the entry');
  const entryTime = Date.parse(date ?? '');
  if (Number.isNaN(entryTime)) {
    return report.skipped('responses have no Date header', 'configure the load balancer to forward the Date header');
  }
  return skewFinding(report, entryTime + DATE_PRECISION_MS / 2, { from, to: Date.now() }, DATE_PRECISION_MS / 2);
}

async function privatePathsFinding({ url }: Entry): Promise<Finding> {
  const report = reporter('private paths');
  const open: string[] = [];
  for (const path of PRIVATE_PATHS) {
    const response = await sendRequest(url + path).catch(() => undefined);
    if (response?.status === 200) open.push(path);
  }
  if (open.length === 0) return report.ok('probes and metrics are not public');
  return report.warning(
    `${open.join(', ')} can be read by anyone`,
    'block these paths at the load balancer, as infra/haproxy does',
  );
}
