import { setTimeout as delay } from 'node:timers/promises';
import { sendHttp } from '@chat-cluster/testkit/lean-client';
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
  const url = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`;
  const call = async (method: string, more: string, body?: string) => {
    const request = { ...options, method, agent: false, timeout: PREPARE_WITHIN_MS, body };
    const { status, text } = await sendHttp(url + more, request);
    if (status !== 200) throw new Error(`${status} ${text}`);
    return text;
  };
  const { sid } = JSON.parse((await call('GET', '')).slice(1)) as { sid: string };
  if (opens === 'authenticated-polling') {
    await call('POST', `&sid=${sid}`, `40${JSON.stringify({ token })}`);
    await call('GET', `&sid=${sid}`);
  }
  return sid;
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
