import { type Finding, reporter } from '../finding.ts';
import type { Deployment } from '../options.ts';

/** Shortest secret, in characters. HS256 needs a key of at least 256 bits (RFC 7518, 3.2). */
const SECRET_LENGTH = 32;
/** A secret with fewer different characters is considered guessable. */
const DIFFERENT_CHARACTERS = 8;

/** Checks that JWT_SECRET cannot be guessed from a token. */
export async function checkSecret({ secret }: Deployment): Promise<Finding[]> {
  const report = reporter('secret');
  const fix = 'create one with: openssl rand -hex 32, and set it in the gateways and in the service that signs tokens';
  if (secret === undefined) {
    return [report.skipped('JWT_SECRET is unknown', 'set JWT_SECRET to the value that the gateways use')];
  }
  if (secret.length < SECRET_LENGTH) {
    return [report.failed(`it has ${secret.length} characters and can be guessed from a token`, fix)];
  }
  if (new Set(secret).size < DIFFERENT_CHARACTERS) {
    return [report.failed(`it consists of fewer than ${DIFFERENT_CHARACTERS} different characters`, fix)];
  }
  return [report.ok(`it has ${secret.length} characters`)];
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
