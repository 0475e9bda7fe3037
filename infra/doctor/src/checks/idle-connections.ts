import { reasonOf } from '@chat-cluster/runtime';
import { type Finding, reporter } from '../finding.ts';
import type { Entry } from '../options.ts';
import { openPollingSession, type PollingSession } from '../polling-session.ts';
import { signUserToken } from '../user-token.ts';
import { openWebsocketSession } from '../websocket-session.ts';

/** Time between two pings of a gateway (pingInterval), in ms. Until then an idle connection carries no byte. */
const PING_INTERVAL_MS = 25_000;
/** Time in addition to PING_INTERVAL_MS until a poll without a response counts as cut, in ms. */
const SLACK_MS = 5_000;
const FIX =
  'raise the idle time-outs of everything in front of the gateways above 25 s: 60 s for requests, 1 h for websockets';

/** Checks that idle connections stay open until the gateway's ping, and after it. */
export async function checkIdleConnections(entry: Entry): Promise<Finding[]> {
  const token = entry.token ?? signUserToken(entry);
  if (token === undefined) {
    const fix = 'pass --token, or set JWT_SECRET';
    return [reporter('idle connections').skipped('gateways close a connection without a token', fix)];
  }
  const findings = await Promise.all([checkWebsocket(entry, token), checkPolling(entry, token)]);
  return findings.flat();
}

function keptOpenFor(ms: number): string {
  const kept = `kept open for ${Math.round(ms / 1_000)} s`;
  return ms < PING_INTERVAL_MS ? `${kept}, which is less than the ping interval of 25 s` : kept;
}

async function checkWebsocket(entry: Entry, token: string): Promise<Finding[]> {
  const report = reporter('idle websocket');
  try {
    const session = await openWebsocketSession(entry, token);
    if (session.result !== 'ok') return [];
    const closedAfterMs = await session.waitForClose(entry.idleMs);
    session.close();
    if (closedAfterMs === undefined) return [report.ok(keptOpenFor(entry.idleMs))];
    return [report.failed(`an idle websocket was closed after ${(closedAfterMs / 1_000).toFixed(1)} s`, FIX)];
  } catch {
    // The websocket check reports the reason.
    return [];
  }
}

async function checkPolling(entry: Entry, token: string): Promise<Finding[]> {
  const report = reporter('idle poll');
  try {
    const session = await openPollingSession(entry);
    const connected = await session.send(`40${JSON.stringify({ token })}`);
    // The affinity check reports the reason.
    if (connected.status !== 200) return [];
    const problem = await pollUntil(session, performance.now() + entry.idleMs);
    if (problem === SESSION_LOST) return [];
    if (problem !== undefined) return [report.failed(problem, FIX)];
    await session.send('1');
    return [report.ok(keptOpenFor(entry.idleMs))];
  } catch (error) {
    return [report.failed(`no polling session: ${reasonOf(error)}`, FIX)];
  }
}

/** A poll reached a gateway without the session. The affinity check reports that. */
const SESSION_LOST = 'session lost';

/** Polls and responds to pings until the moment `end`. Resolves with the problem of a poll, or with undefined. */
async function pollUntil(session: PollingSession, end: number): Promise<string | undefined> {
  while (performance.now() < end) {
    const started = performance.now();
    const timeoutMs = Math.ceil(Math.min(PING_INTERVAL_MS + SLACK_MS, end - started)) + 1;
    const response = await session.poll(timeoutMs).catch((error: unknown) => reasonOf(error));
    if (performance.now() >= end) return undefined;
    const duration = `${((performance.now() - started) / 1_000).toFixed(1)} s`;
    if (typeof response === 'string') return `a poll was cut after ${duration}: ${response}`;
    if (response.status === 400) return SESSION_LOST;
    if (response.status !== 200) return `a poll returned status ${response.status} after ${duration}`;
    if (response.text === '2') await session.send('3');
  }
  return undefined;
}
