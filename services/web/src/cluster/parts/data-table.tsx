import { useMemo, useState } from 'react';
import { nextOrder, type SortOrder, type SortValue, sortRows } from '../data/sort-rows.ts';
import classes from './data-table.module.css';
import { ScrollBox } from './scroll-box.tsx';

export interface Column<Row> {
  key: string;
  title: string;
  /** Shown when the pointer rests on the title. */
  hint?: string;
  cell: (row: Row) => React.ReactNode;
  /** The value by which the column is sorted; without it the column cannot be sorted. */
  value?: (row: Row) => SortValue;
  /** Figures are aligned at the end, and sorted with the largest first. */
  numeric?: boolean;
  /** The sum or the extreme, in the last row. */
  total?: React.ReactNode;
}

interface DataTableProps<Row> {
  /** Accessible name of the table. */
  label: string;
  /** The first column names the row. */
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  nameOf: (row: Row) => string;
  /** The first order. Without it the rows keep theirs, and the headers are no buttons. */
  sortedBy?: SortOrder;
  /** A row that needs attention is tinted. */
  toneOf?: (row: Row) => 'bad' | 'warning' | undefined;
  /** The content of a second row below the row; undefined: none. */
  detailOf?: (row: Row) => React.ReactNode;
}

/** A table in a box of bounded height: it scrolls inside the box, its header and the name of each row stay in view. */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { label, columns, rows, keyOf, nameOf, sortedBy, toneOf, detailOf } = props;
  const [order, setOrder] = useState(sortedBy);
  const sorted = useMemo(() => {
    const column = columns.find(({ key }) => key === order?.column);
    return order && column?.value ? sortRows(rows, order, column.value, nameOf) : rows;
  }, [rows, columns, order, nameOf]);
  const hasTotals = rows.length > 1 && columns.some(({ total }) => total !== undefined);
  return (
    <ScrollBox label={label} className={classes.box}>
      <table className={classes.table} aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <ColumnHead
                key={column.key}
                column={column}
                order={order}
                onSort={sortedBy && column.value ? setOrder : undefined}
              />
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((row) => (
            <TableRow key={keyOf(row)} row={row} columns={columns} tone={toneOf?.(row)} detail={detailOf?.(row)} />
          ))}
        </tbody>
        {hasTotals && (
          <tfoot>
            <tr>
              {columns.map(({ key, total, numeric }, index) =>
                index === 0 ? (
                  <th key={key} scope="row">
                    {total ?? 'All'}
                  </th>
                ) : (
                  <td key={key} data-numeric={numeric}>
                    {total}
                  </td>
                ),
              )}
            </tr>
          </tfoot>
        )}
      </table>
    </ScrollBox>
  );
}

interface TableRowProps<Row> {
  row: Row;
  columns: readonly Column<Row>[];
  tone: 'bad' | 'warning' | undefined;
  detail: React.ReactNode;
}

function TableRow<Row>({ row, columns, tone, detail }: TableRowProps<Row>) {
  return (
    <>
      <tr data-tone={tone}>
        {columns.map(({ key, cell, numeric }, index) =>
          index === 0 ? (
            <th key={key} scope="row">
              {cell(row)}
            </th>
          ) : (
            <td key={key} data-numeric={numeric}>
              {cell(row)}
            </td>
          ),
        )}
      </tr>
      {detail !== undefined && detail !== null && (
        <tr className={classes.detail}>
          <td colSpan={columns.length}>{detail}</td>
        </tr>
      )}
    </>
  );
}

interface ColumnHeadProps<Row> {
  column: Column<Row>;
  order: SortOrder | undefined;
  onSort: ((order: SortOrder) => void) | undefined;
}

function ColumnHead<Row>({ column, order, onSort }: ColumnHeadProps<Row>) {
  const { key, title, hint, numeric = false } = column;
  if (!onSort || !order) {
    return (
      <th scope="col" title={hint} data-numeric={numeric}>
        {title}
      </th>
    );
  }
  const current = order.column === key;
  const direction = order.descending ? 'descending' : 'ascending';
  return (
    <th scope="col" title={hint} data-numeric={numeric} aria-sort={current ? direction : undefined}>
      <button type="button" className={classes.sort} onClick={() => onSort(nextOrder(order, key, numeric))}>
        {title}
        <svg className={classes.arrow} viewBox="0 0 8 8" aria-hidden="true" data-shown={current}>
          <path d={order.descending ? 'M0 2h8l-4 5z' : 'M0 6h8l-4-5z'} />
        </svg>
      </button>
    </th>
  );
}
