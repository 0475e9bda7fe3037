import { reasonOf } from '@chat-cluster/runtime';
import jwt from 'jsonwebtoken';
import { type Finding, type Reporter, reporter } from '../finding.ts';
import type { Entry } from '../options.ts';
import { signUserToken, unsignedToken } from '../user-token.ts';
import { openWebsocketSession } from '../websocket-session.ts';

const HOUR_S = 3_600;
/** Algorithms that gateways accept. */
const ALGORITHMS = ['HS256', 'RS256', 'ES256', 'EdDSA'];
/** Longest recommended lifetime of a token, in s. */
const LONG_S = 7 * 24 * HOUR_S;

/** Checks that the gateways accept valid tokens and reject all others. */
export async function checkTokens(entry: Entry): Promise<Finding[]> {
  const report = reporter('tokens');
  const findings: Finding[] = [];
  try {
    for await (const finding of tokenFindings(entry, report)) findings.push(finding);
  } catch (error) {
    findings.push(report.skipped(`no token could be tried: ${reasonOf(error)}`, 'fix the websocket check first'));
  }
  return findings;
}

async function* tokenFindings(entry: Entry, report: Reporter): AsyncGenerator<Finding> {
  const acceptsUnsigned = (await resultOf(entry, unsignedToken(entry))) === 'ok';
  if (acceptsUnsigned) {
    yield report.failed('an unsigned token is accepted', 'find out which server responds here: it is not this gateway');
  }
  const token = entry.token ?? signUserToken(entry);
  if (token === undefined) {
    yield report.skipped('there is no token to try', 'pass --token, or set JWT_SECRET');
    return;
  }
  if (entry.token !== undefined) yield givenTokenFinding(entry.token);
  const result = await resultOf(entry, token);
  const kind = entry.token ? 'given' : 'freshly signed';
  yield result === 'ok'
    ? report.ok(`the ${kind} token is accepted${acceptsUnsigned ? '' : ', an unsigned token is rejected'}`)
    : report.failed(`the ${kind} token is rejected: ${result}`, FIXES[result] ?? 'check the logs of the gateways');
  const expired = signUserToken(entry, -HOUR_S);
  if (expired !== undefined && (await resultOf(entry, expired)) === 'ok') {
    yield report.failed('a token that expired 1 h ago is accepted', 'correct the clocks of the gateways');
  }
}

const FIXES: Readonly<Record<string, string>> = {
  TOKEN_INVALID:
    'use the same JWT_SECRET, JWT_ISSUER, JWT_AUDIENCE and JWT_USER_CLAIM here, in all gateways and where tokens are signed',
  TOKEN_EXPIRED: 'pass a fresh token; if this one is fresh, correct the clocks',
};

/** `ok`, or the error code with which a gateway rejects `token`. */
async function resultOf(entry: Entry, token: string): Promise<string> {
  const session = await openWebsocketSession(entry, token);
  session.close();
  return session.result;
}

function givenTokenFinding(token: string): Finding {
  const report = reporter('given token');
  const decoded = jwt.decode(token, { complete: true });
  if (typeof decoded?.payload !== 'object') {
    return report.failed('it is not a JWT', 'pass only the token, without "Bearer"');
  }
  const { header, payload } = decoded;
  if (!ALGORITHMS.includes(header.alg)) {
    return report.failed(`it is signed with ${header.alg}`, `sign tokens with ${ALGORITHMS.join(', ')}`);
  }
  if (payload.exp === undefined) {
    return report.failed('it has no exp claim', 'sign tokens with exp: gateways reject tokens that never expire');
  }
  const lifetimeS = payload.exp - (payload.iat ?? Date.now() / 1_000);
  if (lifetimeS <= LONG_S) return report.ok(`it is valid for ${Math.round(lifetimeS / 60)} minutes`);
  return report.warning(
    `it is valid for ${Math.round(lifetimeS / 86_400)} days`,
    'sign tokens for hours, not days: a leaked token is valid until an operator revokes it',
  );
}
