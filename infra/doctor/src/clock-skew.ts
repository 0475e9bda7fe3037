import type { Finding, Reporter } from './finding.ts';

/** Skew above which a warning is given, in ms. */
const NOTABLE_MS = 1_000;
/** Skew that gateways tolerate when they check a token, in ms (services/gateway/src/authenticate.ts). */
const TOLERATED_MS = 30_000;
const FIX =
  'synchronize the clocks of all machines with NTP (for example chrony); token expiry, delivery times and logs depend on them';

/**
 * Compares the clock of a server with the clock of this machine. `serverTime` was read between `from` and `to` and
 * has a precision of ±`precision`; all four in ms.
 */
export function skewFinding(
  report: Reporter,
  serverTime: number,
  { from, to }: { from: number; to: number },
  precision = 0,
): Finding {
  const ahead = serverTime - (from + to) / 2;
  const skew = Math.max(0, Math.abs(ahead) - (to - from) / 2 - precision);
  const found = `the clock is ${(skew / 1_000).toFixed(1)} s ${ahead > 0 ? 'ahead of' : 'behind'} the clock of this machine`;
  if (skew > TOLERATED_MS) return report.failed(found, FIX);
  if (skew > NOTABLE_MS) return report.warning(found, FIX);
  return report.ok('the clock agrees with the clock of this machine');
}
