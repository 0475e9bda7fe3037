/** Shown where there is no figure. */
export const NONE = '–';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A duration in ms with at most two units: `0.4 ms`, `27 ms`, `3.2 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(ms: number | undefined): string {
  if (ms === undefined || !Number.isFinite(ms)) return NONE;
  if (ms < 0) return formatDuration(0);
  if (ms < 9.95) return ms === 0 ? '0 ms' : `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9.95 * SECOND) return `${(ms / SECOND).toFixed(1)} s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return twoUnits(ms, MINUTE, 'min', SECOND, 's');
  if (ms < DAY) return twoUnits(ms, HOUR, 'h', MINUTE, 'min');
  return twoUnits(ms, DAY, 'd', HOUR, 'h');
}

/** The age of a process or a mark, without fractions of seconds: `0 s`, `12 s`, `4 min 10 s`. */
export function formatAge(ms: number): string {
  return ms < 10 * SECOND ? `${Math.max(0, Math.floor(ms / SECOND))} s` : formatDuration(ms);
}

function twoUnits(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const whole = Math.floor(ms / large);
  const rest = Math.floor((ms % large) / small);
  return rest === 0 ? `${whole} ${largeName}` : `${whole} ${largeName} ${rest} ${smallName}`;
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Bytes in decimal units, as the Prometheus rules use them: `0 B`, `812 kB`, `1.4 GB`. */
export function formatBytes(bytes: number | undefined): string {
  if (bytes === undefined || !Number.isFinite(bytes)) return NONE;
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${BYTE_UNITS[unit]}`;
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** A whole number with separators: `12,345`. */
export function formatCount(count: number | undefined): string {
  return count === undefined || !Number.isFinite(count) ? NONE : whole.format(count);
}

/** A rate per second: one decimal below 10, so that a trickle is not shown as nothing. */
export function formatRate(perSecond: number | undefined): string {
  if (perSecond === undefined || !Number.isFinite(perSecond)) return NONE;
  if (perSecond === 0) return '0';
  if (perSecond < 0.05) return '< 0.1';
  return perSecond < 9.95 ? perSecond.toFixed(1) : whole.format(perSecond);
}

/** A share of 0 to 1 in percent. */
export function formatShare(share: number): string {
  if (!Number.isFinite(share)) return NONE;
  const percent = share * 100;
  if (percent === 0) return '0 %';
  if (percent < 0.1) return '< 0.1 %';
  return `${percent < 9.95 ? percent.toFixed(1) : Math.round(percent)} %`;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

/** The local time of day, with the date when it is another day than `now`: `19:03:12`, `3 Nov 2026, 19:03:12`. */
export function formatTime(at: number, now: number): string {
  const date = day.format(at);
  return date === day.format(now) ? clock.format(at) : `${date}, ${clock.format(at)}`;
}
