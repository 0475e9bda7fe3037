/** The value by which a column is sorted. Rows without a value come last in both directions. */
export type SortValue = string | number | undefined;

export interface SortOrder {
  column: string;
  descending: boolean;
}

const byName = new Intl.Collator('en', { numeric: true });

/** Sorts by one column, then by name, so that rows with equal figures keep their place from one pull to the next. */
export function sortRows<Row>(
  rows: readonly Row[],
  order: Pick<SortOrder, 'descending'>,
  figureOf: (row: Row) => SortValue,
  nameOf: (row: Row) => string,
): Row[] {
  return rows.toSorted((a, b) => {
    const first = figureOf(a);
    const second = figureOf(b);
    if (first === undefined || second === undefined) {
      if (first !== second) return first === undefined ? 1 : -1;
    } else {
      const compared = compare(first, second);
      if (compared !== 0) return order.descending ? -compared : compared;
    }
    return byName.compare(nameOf(a), nameOf(b));
  });
}

/** Names with numbers in their natural order: gateway-2 before gateway-10. */
export function compareNames(a: string, b: string): number {
  return byName.compare(a, b);
}

function compare(a: string | number, b: string | number): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : byName.compare(String(a), String(b));
}

/** A click on a header: the other direction of the same column, else the column's own first direction. */
export function nextOrder(current: SortOrder, column: string, descendingFirst: boolean): SortOrder {
  if (current.column === column) return { column, descending: !current.descending };
  return { column, descending: descendingFirst };
}
