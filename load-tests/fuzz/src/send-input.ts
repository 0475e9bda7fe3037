import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { openRawSocket, openRawWebSocket, type RawSocket } from '@chat-cluster/testkit/wire';
import { fillIn, type Input, type Opens, SID, type Step, TOKEN } from './input.ts';
import type { Target } from './target.ts';

/** Bytes of a repeated write that are passed to the socket at once. */
const WRITE_BYTES = 65_536;
/** Longest wait for the response to a request that prepares a session, in ms. */
const PREPARE_WITHIN_MS = 10_000;

/** Opens the connection of an input and sends its steps. Rejects when the connection or its session cannot be opened. */
export async function sendInput(input: Input, port: number, target: Target): Promise<RawSocket> {
  const values = { ...target.users[input.user] };
  const raw = await open(input, port, values);
  if (!input.reads) raw.socket.pause();
  for (const step of input.steps) {
    if (raw.socket.destroyed) break;
    await send(raw, step, values);
  }
  return raw;
}

async function open({ opens, address }: Input, port: number, values: Record<string, string>): Promise<RawSocket> {
  const options = process.platform === 'linux' ? { localAddress: address } : {};
  const token = values[TOKEN] ?? '';
  if (opens === 'websocket') return openRawWebSocket(port, undefined, options);
  if (opens === 'authenticated') return openRawWebSocket(port, token, options);
  if (opens !== 'tcp') values[SID] = await openSession(port, opens, token, options);
  return openRawSocket(port, options);
}

/** Opens a polling session. Resolves with its id. */
async function openSession(port: number, opens: Opens, token: string, options: object): Promise<string> {
  const path = '/socket.io/?EIO=4&transport=polling';
  const call = (method: string, more: string, body?: string) =>
    callHttp({ host: '127.0.0.1', port, method, path: path + more, ...options }, body);
  const { sid } = JSON.parse((await call('GET', '')).slice(1)) as { sid: string };
  if (opens === 'authenticated-polling') {
    await call('POST', `&sid=${sid}`, `40${JSON.stringify({ token })}`);
    await call('GET', `&sid=${sid}`);
  }
  return sid;
}

function callHttp(options: object, body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(PREPARE_WITHIN_MS);
    const call = request({ ...options, agent: false, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject).on('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${response.statusCode} ${text}`));
      });
    });
    call.on('error', reject).end(body);
  });
}

async function send(raw: RawSocket, step: Step, values: Record<string, string>): Promise<void> {
  if ('waitMs' in step) return delay(step.waitMs);
  if ('end' in step) return void raw.socket.end();
  const once = fillIn(step.write, values);
  const perWrite = Math.max(1, Math.min(step.times, Math.floor(WRITE_BYTES / (once.length || 1))));
  const many = Buffer.concat(Array<Buffer>(perWrite).fill(once));
  for (let left = step.times; left > 0; left -= perWrite) {
    raw.write(left >= perWrite ? many : many.subarray(0, left * once.length));
  }
}
