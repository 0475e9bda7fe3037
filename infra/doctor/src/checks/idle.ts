import { type Entry, openSession } from '../entry.ts';
import { type Finding, reasonOf, reporter } from '../finding.ts';
import { makeToken } from '../user-token.ts';
import { openWebsocket } from '../websocket-session.ts';

/** A gateway pings every 25 s (pingInterval); until then nothing moves on an idle connection. */
const PING_MS = 25_000;
const SLACK_MS = 5_000;
const FIX =
  'raise the idle time-outs of whatever stands before the gateways above 25 s: 60 s for requests, an hour for websockets';

/** Whether idle connections stand until the gateway's ping, and after it. */
export async function checkIdle(entry: Entry): Promise<Finding[]> {
  const token = entry.token ?? makeToken(entry);
  if (token === undefined) {
    const fix = 'give --token, or JWT_SECRET in the environment';
    return [reporter('idle connections').skipped('a connection without a token does not stay', fix)];
  }
  const findings = await Promise.all([idleWebsocket(entry, token), idlePolling(entry, token)]);
  return findings.flat();
}

function held(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  return ms < PING_MS ? `stood for ${seconds} s, which is shorter than from ping to ping` : `stood for ${seconds} s`;
}

async function idleWebsocket(entry: Entry, token: string): Promise<Finding[]> {
  const idle = reporter('idle websocket');
  try {
    const session = await openWebsocket(entry, token);
    if (session.result !== 'ok') return [];
    const cutAfter = await session.hold(entry.idleMs);
    session.close();
    if (cutAfter === undefined) return [idle.ok(held(entry.idleMs))];
    return [idle.failed(`was cut after ${(cutAfter / 1_000).toFixed(1)} s without a message`, FIX)];
  } catch {
    // That of the websocket says why.
    return [];
  }
}

async function idlePolling(entry: Entry, token: string): Promise<Finding[]> {
  const idle = reporter('idle poll');
  const until = performance.now() + entry.idleMs;
  try {
    const session = await openSession(entry);
    const connected = await session.send(`40${JSON.stringify({ token })}`);
    // That of the affinity says why.
    if (connected.status !== 200) return [];
    while (performance.now() < until) {
      const began = performance.now();
      const withinMs = Math.ceil(Math.min(PING_MS + SLACK_MS, until - began)) + 1;
      const answer = await session.poll(withinMs).catch((error: unknown) => reasonOf(error));
      if (performance.now() >= until) break;
      const lasted = `${((performance.now() - began) / 1_000).toFixed(1)} s`;
      if (typeof answer === 'string') return [idle.failed(`a poll was cut after ${lasted}: ${answer}`, FIX)];
      if (answer.status === 400) return [];
      if (answer.status !== 200) return [idle.failed(`a poll was answered with ${answer.status} after ${lasted}`, FIX)];
      if (answer.text === '2') await session.send('3');
    }
    await session.send('1');
    return [idle.ok(held(entry.idleMs))];
  } catch (error) {
    return [idle.failed(`no polling session: ${reasonOf(error)}`, FIX)];
  }
}
