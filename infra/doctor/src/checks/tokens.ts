import jwt from 'jsonwebtoken';
import type { Entry } from '../entry.ts';
import { type Finding, reasonOf, reporter } from '../finding.ts';
import { makeToken, unsignedToken } from '../user-token.ts';
import { openWebsocket } from '../websocket-session.ts';

const HOUR_S = 3_600;
const LONG_S = 7 * 24 * HOUR_S;

/** Whether gateways take the tokens that they should, and no others. */
export async function checkTokens(entry: Entry): Promise<Finding[]> {
  const tokens = reporter('tokens');
  const accepts = async (token: string) => {
    const session = await openWebsocket(entry, token);
    session.close();
    return session.result;
  };
  const findings: Finding[] = [];
  try {
    const forged = await accepts(unsignedToken(entry));
    if (forged === 'ok')
      findings.push(
        tokens.failed('an unsigned token is taken', 'this is not our gateway: find out what answers there'),
      );
    const own = entry.token ?? makeToken(entry);
    if (own === undefined) {
      findings.push(tokens.skipped('no token to try', 'give --token, or JWT_SECRET in the environment'));
      return findings;
    }
    if (entry.token !== undefined) findings.push(...judgeGiven(entry.token));
    const result = await accepts(own);
    if (result === 'ok')
      findings.push(tokens.ok(`a ${entry.token ? 'given' : 'freshly signed'} token is taken, an unsigned one is not`));
    else findings.push(tokens.failed(`a token is refused: ${result}`, FIXES[result] ?? 'see the log of the gateways'));
    const old = makeToken(entry, -HOUR_S);
    if (old !== undefined && (await accepts(old)) === 'ok') {
      findings.push(tokens.failed('a token that expired an hour ago is taken', 'check the clocks of the gateways'));
    }
  } catch (error) {
    // That of the websocket says why.
    findings.push(tokens.skipped(`no token could be tried: ${reasonOf(error)}`, 'mend the entry first'));
  }
  return findings;
}

const FIXES: Record<string, string> = {
  TOKEN_INVALID:
    'make JWT_SECRET, JWT_ISSUER, JWT_AUDIENCE and JWT_USER_CLAIM the same here, in all gateways and in what signs tokens',
  TOKEN_EXPIRED: 'take a fresh token; if it is one, check the clocks',
};

function judgeGiven(token: string): Finding[] {
  const given = reporter('given token');
  const decoded = jwt.decode(token, { complete: true });
  if (typeof decoded?.payload !== 'object')
    return [given.failed('it is no JWT', 'give the token alone, without "Bearer"')];
  const { header, payload } = decoded;
  if (header.alg !== 'HS256')
    return [given.failed(`it is signed with ${header.alg}`, 'sign tokens with HS256: gateways take nothing else')];
  if (payload.exp === undefined)
    return [given.failed('it has no exp', 'sign tokens that expire: gateways take no others')];
  const lifeS = payload.exp - (payload.iat ?? Date.now() / 1_000);
  if (lifeS <= LONG_S) return [given.ok(`it is good for ${Math.round(lifeS / 60)} minutes`)];
  return [
    given.warning(
      `it is good for ${Math.round(lifeS / 86_400)} days`,
      'sign tokens for hours: one that leaks can not be called back',
    ),
  ];
}
