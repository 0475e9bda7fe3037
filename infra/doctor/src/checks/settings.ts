import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CREATE_SECRET, isLoopback, reasonOf, secretWeakness } from '@chat-cluster/runtime';
import { type Finding, reporter } from '../finding.ts';
import { sendRequest } from '../http-request.ts';
import type { Deployment } from '../options.ts';

/** Checks that JWT_SECRET cannot be guessed from a token, by the rule of the gateways in production. */
export async function checkSecret({ secret, keySources }: Deployment): Promise<Finding[]> {
  const report = reporter('secret');
  if (secret === undefined) {
    if (keySources.length > 0) return [report.ok('tokens are verified with public keys')];
    return [report.skipped('JWT_SECRET is unknown', 'set JWT_SECRET to the value that the gateways use')];
  }
  const weakness = secretWeakness(secret);
  if (weakness === undefined) return [report.ok(`it has ${secret.length} characters`)];
  const fix = `${CREATE_SECRET}, and set it in the gateways and in the service that signs tokens`;
  return [report.failed(`it can be guessed from a token: it ${weakness}`, fix)];
}

/** Checks that the public keys of tokens can be read: JWT_KEYS_FILE, JWT_PROBER_KEYS_FILE and JWT_JWKS_URL. */
export async function checkPublicKeys({ keySources, isProduction }: Deployment): Promise<Finding[]> {
  const report = reporter('public keys');
  return Promise.all(
    keySources.map(async (from) => {
      if (isProduction && from.startsWith('http:')) {
        return report.failed(`${from} is not encrypted`, 'set JWT_JWKS_URL to an https:// URL');
      }
      try {
        const count = await countPublicKeys(from);
        if (count > 0) return report.ok(`${from} has ${count} ${count === 1 ? 'key' : 'keys'}`);
        return report.failed(`${from} has no keys`, 'publish the public keys with which tokens are verified');
      } catch (error) {
        const fix = 'repair the source: gateways keep their last keys, but a new gateway does not start';
        return report.failed(`${from} cannot be read: ${reasonOf(error)}`, fix);
      }
    }),
  );
}

/** Number of keys in a PEM file or a JSON Web Key Set. Rejects when one of them is no public key. */
async function countPublicKeys(from: string): Promise<number> {
  const text = await (/^https?:/.test(from) ? fetchText(from) : readFile(from, 'utf8'));
  if (text.trimStart().startsWith('-----BEGIN')) {
    createPublicKey(text);
    return 1;
  }
  const { keys } = JSON.parse(text) as { keys: JsonWebKey[] };
  for (const key of keys) createPublicKey({ key, format: 'jwk' });
  return keys.length;
}

async function fetchText(url: string): Promise<string> {
  const { status, text } = await sendRequest(url);
  if (status !== 200) throw new Error(`status ${status}`);
  return text;
}

/** Checks that the admin port has a strong token, unless it is for this machine only. */
export async function checkAdminToken({ adminHost, adminToken }: Deployment): Promise<Finding[]> {
  const report = reporter('admin token');
  if (isLoopback(adminHost)) return [report.ok(`the admin port listens on ${adminHost} only`)];
  const weakness = adminToken === undefined ? 'is missing' : secretWeakness(adminToken);
  if (weakness === undefined) return [report.ok(`ADMIN_HOST is ${adminHost}, and the admin port needs a token`)];
  const found = `ADMIN_HOST is ${adminHost}, and ADMIN_TOKEN ${weakness}: others can drain gateways and revoke tokens`;
  return [report.failed(found, `${CREATE_SECRET}, and set it as ADMIN_TOKEN, or set ADMIN_HOST=127.0.0.1`)];
}

/** Time for which nginx, ingress-nginx and AWS ALB keep idle connections to their servers, in ms; others keep them longer. */
const BALANCERS_KEEP_MS = 60_000;

/** Checks that a gateway keeps idle connections longer than load balancers do: their requests would meet its close. */
export async function checkKeepAlive({ keepAliveMs }: Deployment): Promise<Finding[]> {
  const report = reporter('keep-alive');
  const kept = `gateways close idle connections after ${keepAliveMs / 1_000} s`;
  if (keepAliveMs > BALANCERS_KEEP_MS) return [report.ok(`${kept}; the load balancer must close them earlier`)];
  return [
    report.failed(
      `${kept}, but load balancers keep them for ${BALANCERS_KEEP_MS / 1_000} s or longer, so requests fail now and then`,
      'set HTTP_KEEP_ALIVE_MS above the idle time-out of the load balancer, or remove it (default: 620 s)',
    ),
  ];
}

/** Checks that the grace period of the pods is longer than a complete stop of a gateway. */
export async function checkGracePeriod({ graceMs, stopMs }: Deployment): Promise<Finding[]> {
  const report = reporter('grace period');
  const stop = `${stopMs / 1_000} s`;
  if (graceMs === undefined) {
    const fix = `pass --grace with terminationGracePeriodSeconds of the pods (default of Kubernetes: 30); it must be above ${stop}`;
    return [report.skipped('terminationGracePeriodSeconds is unknown', fix)];
  }
  const grace = `${graceMs / 1_000} s`;
  if (stopMs < graceMs) return [report.ok(`a stop takes at most ${stop}, the grace period is ${grace}`)];
  return [
    report.failed(
      `a stop may take ${stop} (DRAIN_DELAY_MS + DRAIN_WINDOW_MS + SHUTDOWN_TIMEOUT_MS), but gateways are killed after ${grace}`,
      `raise terminationGracePeriodSeconds above ${Math.ceil(stopMs / 1_000)}, or lower these settings, and pass --grace again`,
    ),
  ];
}
