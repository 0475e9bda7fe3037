import { type Finding, reporter } from '../finding.ts';
import type { Subject } from '../options.ts';

/** HS256 needs a key of at least 256 bits (RFC 7518, 3.2). */
const SECRET_LENGTH = 32;
const FEW_CHARACTERS = 8;

export async function checkSecret({ secret }: Subject): Promise<Finding[]> {
  const report = reporter('secret');
  const fix = 'make one with: openssl rand -hex 32, and give it to the gateways and to what signs tokens';
  if (secret === undefined)
    return [report.skipped('JWT_SECRET is not known', 'set JWT_SECRET to that of the gateways')];
  if (secret.length < SECRET_LENGTH)
    return [report.failed(`it has ${secret.length} characters, and can be guessed from a token`, fix)];
  if (new Set(secret).size < FEW_CHARACTERS) return [report.failed('it is made of very few different characters', fix)];
  return [report.ok(`it has ${secret.length} characters`)];
}

/** Whether the pods get the time that a drain may take. */
export async function checkGrace({ graceMs, stopMs }: Subject): Promise<Finding[]> {
  const report = reporter('grace period');
  const stop = `${stopMs / 1_000} s`;
  if (graceMs === undefined) {
    const fix = `give --grace; terminationGracePeriodSeconds is 30 unless pods say otherwise, and must be above ${stop}`;
    return [report.skipped('it is not known', fix)];
  }
  const grace = `${graceMs / 1_000} s`;
  if (stopMs < graceMs) return [report.ok(`a stop takes ${stop} at the most, the grace period is ${grace}`)];
  return [
    report.failed(
      `a stop may take ${stop} (DRAIN_DELAY_MS + DRAIN_WINDOW_MS + SHUTDOWN_TIMEOUT_MS), and gateways are killed after ${grace}`,
      `raise terminationGracePeriodSeconds above ${Math.ceil(stopMs / 1_000)}, or lower those; --grace tells what it is`,
    ),
  ];
}
