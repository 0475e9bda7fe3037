import type { Finding, reporter } from './finding.ts';

const NOTABLE_MS = 1_000;
/** As far as gateways forgive the clock of whoever signs tokens (services/gateway/src/authenticate.ts). */
const TOLERATED_MS = 30_000;
const FIX = 'keep all clocks in step with NTP (chrony); tokens, delivery times and logs depend on them';

/** Compares a clock with this machine's: `there` was read between `from` and `to`, and may be off by `precision` anyway. */
export function judgeSkew(
  report: ReturnType<typeof reporter>,
  there: number,
  { from, to }: { from: number; to: number },
  precision = 0,
): Finding {
  const ahead = there - (from + to) / 2;
  const skew = Math.max(0, Math.abs(ahead) - (to - from) / 2 - precision);
  const found = `${(skew / 1_000).toFixed(1)} s ${ahead > 0 ? 'ahead of' : 'behind'} this machine's`;
  if (skew > TOLERATED_MS) return report.failed(found, FIX);
  if (skew > NOTABLE_MS) return report.warning(found, FIX);
  return report.ok("in step with this machine's");
}
