/** Indented JSON. Numbers have four decimals: more is noise and makes the file long. */
export function roundedJson(value: unknown): string {
  const round = (_: string, one: unknown) => (typeof one === 'number' ? Math.round(one * 1e4) / 1e4 : one);
  return `${JSON.stringify(value, round, 1)}\n`;
}
