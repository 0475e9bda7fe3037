import { randomBytes } from 'node:crypto';
import { ask, type Entry } from '../entry.ts';
import { type Finding, reasonOf, reporter } from '../finding.ts';

const SWITCHING = 101;
const FIX =
  'let the load balancer pass Upgrade and Connection on, over HTTP/1.1, for /socket.io/ (infra/haproxy and infra/nginx do)';

/** Whether an upgrade to a websocket gets through. Without it clients stay on long-polling, at several times the cost. */
export async function checkWebsocket({ url }: Entry): Promise<Finding[]> {
  const websocket = reporter('websocket');
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
  };
  try {
    const { status } = await ask(`${url}/socket.io/?EIO=4&transport=websocket`, { headers });
    if (status === SWITCHING) return [websocket.ok('upgrades get through')];
    return [websocket.failed(`an upgrade is answered with ${status}`, FIX)];
  } catch (error) {
    return [websocket.failed(`an upgrade is not answered: ${reasonOf(error)}`, FIX)];
  }
}
