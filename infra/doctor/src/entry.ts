import { type IncomingHttpHeaders, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { Subject } from './options.ts';

/** A subject whose entry is known. */
export type Entry = Subject & { url: string };

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

const DEADLINE_MS = 10_000;
const POLLING = '/socket.io/?EIO=4&transport=polling';

/** One request on a connection of its own, as if it came from anywhere: a balancer must not tell by the connection. */
export function ask(
  url: string,
  { method = 'GET', headers = {}, body, withinMs = DEADLINE_MS }: AskOptions = {},
): Promise<Answer> {
  const request = url.startsWith('https:') ? tlsRequest : plainRequest;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(withinMs);
    const asked = request(url, { method, headers, agent: false, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    // To an upgrade that is granted nobody else answers.
    asked.once('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text: '' });
    });
    asked.once('error', (error) =>
      reject(signal.aborted ? new Error(`no answer within ${withinMs / 1_000} s`) : error),
    );
    asked.end(body);
  });
}

export interface AskOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  withinMs?: number;
}

/** A long-polling session, as a client that keeps cookies has it. */
export interface Session {
  gateway: string;
  hasCookie: boolean;
  send(packet: string): Promise<Answer>;
  poll(withinMs: number): Promise<Answer>;
}

/** Rejects when no session is opened. */
export async function openSession({ url }: Entry): Promise<Session & { answer: Answer }> {
  const answer = await ask(url + POLLING);
  if (answer.status !== 200) throw new Error(`it answers ${answer.status} to a new session`);
  const { sid } = JSON.parse(answer.text.slice(1)) as { sid: string };
  const cookie = (answer.headers['set-cookie'] ?? []).map((one) => one.split(';')[0]).join('; ');
  const headers: Record<string, string> = cookie === '' ? {} : { cookie };
  return {
    answer,
    gateway: gatewayOf(answer),
    hasCookie: cookie !== '',
    send: (body) => ask(`${url}${POLLING}&sid=${sid}`, { method: 'POST', headers, body }),
    poll: (withinMs) => ask(`${url}${POLLING}&sid=${sid}`, { headers, withinMs }),
  };
}

export function gatewayOf({ headers }: Answer): string {
  return String(headers['x-gateway-id'] ?? '');
}
