import { randomBytes } from 'node:crypto';
import { reasonOf } from '@chat-cluster/runtime';
import { type Finding, reporter } from '../finding.ts';
import { sendRequest } from '../http-request.ts';
import type { Entry } from '../options.ts';

const SWITCHING_PROTOCOLS = 101;
const FIX =
  'configure the load balancer to forward Upgrade and Connection over HTTP/1.1 for /socket.io/, as infra/haproxy and infra/nginx do';

/** Checks that a websocket upgrade succeeds. Without it clients stay on long-polling, at several times the cost. */
export async function checkWebsocket({ url }: Entry): Promise<Finding[]> {
  const report = reporter('websocket');
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
  };
  try {
    const { status } = await sendRequest(`${url}/socket.io/?EIO=4&transport=websocket`, { headers });
    if (status === SWITCHING_PROTOCOLS) return [report.ok('upgrades succeed')];
    return [report.failed(`an upgrade request returned status ${status}`, FIX)];
  } catch (error) {
    return [report.failed(`an upgrade request received no response: ${reasonOf(error)}`, FIX)];
  }
}
