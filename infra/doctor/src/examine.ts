import { checkEntry } from './checks/entry.ts';
import { checkIdle } from './checks/idle.ts';
import { checkPostgres } from './checks/postgres.ts';
import { checkRedis } from './checks/redis.ts';
import { checkGrace, checkSecret } from './checks/settings.ts';
import { checkStickiness } from './checks/stickiness.ts';
import { checkTokens } from './checks/tokens.ts';
import { checkWebsocket } from './checks/websocket.ts';
import { type Finding, reporter } from './finding.ts';
import type { Subject } from './options.ts';

/** Looks at everything at once; changes nothing but a few sessions of a user named "doctor". Never rejects. */
export async function examine(subject: Subject): Promise<Finding[]> {
  const findings = await Promise.all([
    outside(subject),
    checkRedis(subject),
    checkPostgres(subject),
    checkSecret(subject),
    checkGrace(subject),
  ]);
  return findings.flat();
}

async function outside({ url, ...subject }: Subject): Promise<Finding[]> {
  if (url === undefined) {
    return [reporter('entry').skipped('the entry is not known', 'give --url, the address that clients use')];
  }
  const entry = { ...subject, url };
  const reached = await checkEntry(entry);
  // Everything else would say the same again.
  if (reached.some(({ check, state }) => check === 'entry' && state === 'failed')) return reached;
  const rest = await Promise.all([checkStickiness(entry), checkWebsocket(entry), checkTokens(entry), checkIdle(entry)]);
  return [...reached, ...rest.flat()];
}
