import { checkAdminPort } from './checks/admin-port.ts';
import { checkEntry } from './checks/entry.ts';
import { checkWorkerLimits } from './checks/groups.ts';
import { checkIdleConnections } from './checks/idle-connections.ts';
import { checkPostgres } from './checks/postgres.ts';
import { checkRedis } from './checks/redis.ts';
import { checkAdminToken, checkGracePeriod, checkKeepAlive, checkPublicKeys, checkSecret } from './checks/settings.ts';
import { checkStickiness } from './checks/stickiness.ts';
import { checkOrigins, checkQueryToken } from './checks/strangers.ts';
import { checkTokens } from './checks/tokens.ts';
import { checkWebsocket } from './checks/websocket.ts';
import { type Finding, reporter } from './finding.ts';
import type { Deployment } from './options.ts';

/** Runs all checks. Changes nothing, apart from a few sessions of a user named "doctor". Never rejects. */
export async function examine(deployment: Deployment): Promise<Finding[]> {
  const findings = await Promise.all([
    examineEntry(deployment),
    checkRedis(deployment),
    checkPostgres(deployment),
    checkWorkerLimits(deployment),
    checkSecret(deployment),
    checkPublicKeys(deployment),
    checkAdminToken(deployment),
    checkAdminPort(deployment),
    checkGracePeriod(deployment),
    checkKeepAlive(deployment),
  ]);
  return findings.flat();
}

async function examineEntry({ url, ...deployment }: Deployment): Promise<Finding[]> {
  if (url === undefined) {
    return [
      reporter('entry').skipped('the address of the entry is unknown', 'pass --url with the address that clients use'),
    ];
  }
  const entry = { ...deployment, url };
  const reached = await checkEntry(entry);
  // Without a session, every other check would report the same problem.
  if (reached.some(({ check, state }) => check === 'entry' && state === 'failed')) return reached;
  const rest = await Promise.all([
    checkStickiness(entry),
    checkWebsocket(entry),
    checkTokens(entry),
    checkOrigins(entry),
    checkQueryToken(entry),
    checkIdleConnections(entry),
  ]);
  return [...reached, ...rest.flat()];
}
