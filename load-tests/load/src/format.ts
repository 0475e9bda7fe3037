/* Numbers as text. */

export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** Three significant digits, the precision of the histograms. */
export function ms(value: number): string {
  if (value >= 10_000) return `${count(value)}`;
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** m:ss, or h:mm:ss. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  const tail = two(whole % 60);
  return minutes < 60 ? `${minutes}:${tail}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${tail}`;
}

export function processCount(processes: number): string {
  return processes === 1 ? '1 process' : `${processes} processes`;
}
