import { type Entry, gatewayOf, openSession } from '../entry.ts';
import { type Finding, reasonOf, reporter } from '../finding.ts';

const SESSIONS = 8;
const REQUESTS = 4;
/** Engine.IO's packets that do nothing, and that end a session. */
const NOTHING = '6';
const CLOSE = '1';
const FIX =
  "turn on cookie affinity (infra/haproxy and infra/nginx have it), or let all clients use transports: ['websocket']";

/** Whether all requests of a long-polling session reach its gateway, each on a connection of its own. */
export async function checkStickiness(entry: Entry): Promise<Finding[]> {
  const sticky = reporter('affinity');
  const gateways = new Set<string>();
  let asked = 0;
  let astray = 0;
  let cookies = 0;
  try {
    for (let i = 0; i < SESSIONS; i++) {
      const session = await openSession(entry);
      gateways.add(session.gateway);
      if (session.hasCookie) cookies++;
      for (const packet of [...Array<string>(REQUESTS).fill(NOTHING), CLOSE]) {
        const answer = await session.send(packet);
        asked++;
        if (answer.status !== 200) astray++;
        gateways.add(gatewayOf(answer));
      }
    }
  } catch (error) {
    return [sticky.failed(`a long-polling session failed: ${reasonOf(error)}`, FIX)];
  }
  const where = `${SESSIONS} sessions of ${gateways.size} gateway${gateways.size === 1 ? '' : 's'}`;
  if (astray > 0)
    return [
      sticky.failed(
        `${astray} of ${asked} requests of long-polling sessions reached a gateway that does not hold them`,
        FIX,
      ),
    ];
  if (gateways.size > 1 && cookies === 0) return [sticky.ok(`${where} stayed where they were, without a cookie`)];
  if (gateways.size > 1) return [sticky.ok(`${where} stayed where they were, by a cookie`)];
  return [sticky.ok(`${where} stayed where they were; with a single gateway they always do`)];
}
