import { reasonOf } from '@chat-cluster/runtime';
import { type Finding, reporter } from '../finding.ts';
import type { Entry } from '../options.ts';
import { gatewayOf, openPollingSession } from '../polling-session.ts';

const SESSIONS = 8;
const REQUESTS_PER_SESSION = 4;
/** Engine.IO packets. */
const NOOP = '6';
const CLOSE = '1';
const FIX =
  "turn on cookie affinity (infra/haproxy and infra/nginx show how), or make all clients use transports: ['websocket']";

/** Checks that all requests of a long-polling session reach its gateway, each sent on its own connection. */
export async function checkStickiness(entry: Entry): Promise<Finding[]> {
  const report = reporter('affinity');
  const gateways = new Set<string>();
  let sent = 0;
  let misrouted = 0;
  let cookies = 0;
  try {
    for (let i = 0; i < SESSIONS; i++) {
      const session = await openPollingSession(entry);
      gateways.add(session.gateway);
      if (session.hasCookie) cookies++;
      for (const packet of [...Array<string>(REQUESTS_PER_SESSION).fill(NOOP), CLOSE]) {
        const response = await session.send(packet);
        sent++;
        if (response.status !== 200) misrouted++;
        gateways.add(gatewayOf(response));
      }
    }
  } catch (error) {
    return [report.failed(`a long-polling session failed: ${reasonOf(error)}`, FIX)];
  }
  if (misrouted > 0) {
    const found = `${misrouted} of ${sent} long-polling requests reached a gateway that does not hold their session`;
    return [report.failed(found, FIX)];
  }
  if (gateways.size === 1) {
    return [report.ok(`${SESSIONS} sessions succeeded; only one gateway responded, so this does not prove affinity`)];
  }
  const how = cookies === 0 ? 'without a cookie' : 'by a cookie';
  return [report.ok(`${SESSIONS} sessions on ${gateways.size} gateways each stayed on their gateway, ${how}`)];
}
