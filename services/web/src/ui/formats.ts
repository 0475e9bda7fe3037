/** Dates and numbers as both pages show them, in the language of the browser. */

const TIME = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const WEEKDAY = new Intl.DateTimeFormat(undefined, { weekday: 'long' });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'long' });
const DAY_AND_YEAR = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const NUMBER = new Intl.NumberFormat();

const DAY_MS = 24 * 60 * 60 * 1_000;

export function formatTime(at: number): string {
  return TIME.format(at);
}

export function formatFull(at: number): string {
  return FULL.format(at);
}

export function formatNumber(value: number): string {
  return NUMBER.format(value);
}

/** Days since 1970 in the time zone of the browser: messages with the same value have the same day. */
export function dayOf(at: number): number {
  const date = new Date(at);
  return Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / DAY_MS);
}

/** Noon of a day that `dayOf` returned, in ms since 1970. */
export function timeOfDay(day: number): number {
  const date = new Date(day * DAY_MS);
  return new Date(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), 12).getTime();
}

/** "Today", "Yesterday", "Monday", "Mon, 5 May", "5 May 2024". */
export function formatDay(at: number, now: number): string {
  const age = dayOf(now) - dayOf(at);
  if (age === 0) return 'Today';
  if (age === 1) return 'Yesterday';
  if (age > 1 && age < 7) return WEEKDAY.format(at);
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? DAY.format(at) : DAY_AND_YEAR.format(at);
}

/** For lists: the time of today, else the day. */
export function formatTimeOrDay(at: number, now: number): string {
  const age = dayOf(now) - dayOf(at);
  if (age <= 0) return TIME.format(at);
  if (age === 1) return 'Yesterday';
  return SHORT_DAY.format(at);
}

/** "just now", "5 min ago", "3 h ago", then the day. */
export function formatAgo(at: number, now: number): string {
  const minutes = Math.floor((now - at) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return formatDay(at, now).toLowerCase() === 'yesterday' ? 'yesterday' : SHORT_DAY.format(at);
}
