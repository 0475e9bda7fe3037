/** The rows of a table as lines of text: the first column aligned left, the others right. */
export function alignRows(rows: readonly (readonly (string | number)[])[]): string[] {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => String(row[i] ?? '').length))) ?? [];
  return rows.map((row) => {
    const cells = row.map((cell, i) => {
      const text = String(cell);
      return i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0);
    });
    return cells.join('  ');
  });
}
