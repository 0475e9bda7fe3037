import { type HttpResponse, sendRequest } from './http-request.ts';
import type { Entry } from './options.ts';

/** A long-polling session of Engine.IO. It sends the cookies that it received, as a browser does. */
export interface PollingSession {
  /** The response that opened the session. */
  opened: HttpResponse;
  /** Name of the gateway that opened the session; empty when the load balancer removes the header. */
  gateway: string;
  hasCookie: boolean;
  /** Posts one Engine.IO packet. */
  send(packet: string): Promise<HttpResponse>;
  poll(timeoutMs: number): Promise<HttpResponse>;
}

/** Requests a new session. */
export const POLLING = '/socket.io/?EIO=4&transport=polling';

/** Opens a session. Rejects when the entry does not open one. */
export async function openPollingSession({ url }: Entry): Promise<PollingSession> {
  const opened = await sendRequest(url + POLLING);
  if (opened.status !== 200) throw new Error(`the request for a new session returned status ${opened.status}`);
  const { sid } = JSON.parse(opened.text.slice(1)) as { sid: string };
  const cookie = (opened.headers['set-cookie'] ?? []).map((header) => header.split(';')[0]).join('; ');
  const headers: Record<string, string> = cookie === '' ? {} : { cookie };
  const sessionUrl = `${url}${POLLING}&sid=${sid}`;
  return {
    opened,
    gateway: gatewayOf(opened),
    hasCookie: cookie !== '',
    send: (body) => sendRequest(sessionUrl, { method: 'POST', headers, body }),
    poll: (timeoutMs) => sendRequest(sessionUrl, { headers, timeoutMs }),
  };
}

/** Name of the gateway that sent the response; empty when unknown. */
export function gatewayOf({ headers }: HttpResponse): string {
  return String(headers['x-gateway-id'] ?? '');
}
