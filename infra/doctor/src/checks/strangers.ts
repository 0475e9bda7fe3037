import { reasonOf } from '@chat-cluster/runtime';
import { type Finding, reporter } from '../finding.ts';
import { sendRequest } from '../http-request.ts';
import type { Entry } from '../options.ts';
import { POLLING } from '../polling-session.ts';
import { signUserToken } from '../user-token.ts';
import { openWebsocketSession } from '../websocket-session.ts';

/** Host of a web page that no deployment allows. */
const FOREIGN_ORIGIN = 'https://doctor.invalid';

/** Checks that the pages of other sites cannot connect with the browser of a user. */
export async function checkOrigins({ url, isProduction }: Entry): Promise<Finding[]> {
  const report = reporter('origins');
  try {
    const { status } = await sendRequest(url + POLLING, { headers: { origin: FOREIGN_ORIGIN } });
    if (status !== 200) return [report.ok('a page of another site is refused')];
    if (!isProduction) return [report.ok('pages of every site may connect, as is usual in development')];
    return [report.failed('pages of every site may connect', 'set ALLOWED_ORIGINS to the origins of your pages')];
  } catch (error) {
    return [report.skipped(`no session was requested: ${reasonOf(error)}`, 'fix the entry check first')];
  }
}

/** Checks that production accepts no token in the URL, which proxies and browsers keep. */
export async function checkQueryToken(entry: Entry): Promise<Finding[]> {
  const report = reporter('token in the URL');
  const token = entry.token ?? signUserToken(entry);
  if (token === undefined) return [report.skipped('there is no token to try', 'pass --token, or set JWT_SECRET')];
  try {
    const session = await openWebsocketSession(entry, token, { inUrl: true });
    session.close();
    if (session.result !== 'ok') return [report.ok('it is refused')];
    if (!entry.isProduction) return [report.ok('it is accepted, as is usual in development')];
    const fix = 'send it in `auth` of the client, and set ALLOW_QUERY_TOKEN=false in the gateways';
    return [report.warning('it is accepted, and logs of proxies may contain it', fix)];
  } catch (error) {
    return [report.skipped(`no session could be opened: ${reasonOf(error)}`, 'fix the websocket check first')];
  }
}
