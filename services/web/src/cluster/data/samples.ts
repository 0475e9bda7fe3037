/**
 * The figures of the last minutes for the charts: a ring of rows with a time and one number per series, in typed arrays
 * of a fixed size. A missing figure, and the time in which the page did not pull, is NaN: a gap in the chart.
 */
export class Samples {
  readonly #capacity: number;
  readonly #gapMs: number;
  readonly #maxSeries: number;
  readonly #times: Float64Array;
  readonly #columns = new Map<string, Float64Array>();
  #next = 0;
  #count = 0;

  /**
   * Rows that are further apart than `gapMs` are not connected. Series are created when they first have a figure, at
   * most `maxSeries`; later ones are left out.
   */
  constructor(options: { capacity: number; gapMs: number; maxSeries: number }) {
    this.#capacity = options.capacity;
    this.#gapMs = options.gapMs;
    this.#maxSeries = options.maxSeries;
    this.#times = new Float64Array(options.capacity);
  }

  /** Rows that are kept now. */
  get count(): number {
    return this.#count;
  }

  get names(): readonly string[] {
    return [...this.#columns.keys()];
  }

  /**
   * Adds a row. One that is slightly older than the last is ignored: the clocks of two servers differ. One that is much
   * older starts anew: the clock was set back.
   */
  add(at: number, figures: Readonly<Record<string, number | undefined>>): void {
    const last = this.#count === 0 ? undefined : this.#times[this.#index(this.#count - 1)];
    if (last !== undefined && at < last - this.#gapMs) this.#count = 0;
    else if (last !== undefined && at <= last) return;
    else if (last !== undefined && at - last > this.#gapMs) this.#addRow(last + 1, {});
    this.#addRow(at, figures);
  }

  /** The times of the rows from `since` on, oldest first. */
  times(since = 0): number[] {
    return this.#rows(since).map((index) => this.#times[index] as number);
  }

  /** The figures of one series at `times(since)`; null is a gap. A series that does not exist is one gap. */
  series(name: string, since = 0): (number | null)[] {
    const column = this.#columns.get(name);
    return this.#rows(since).map((index) => {
      const value = column?.[index];
      return value === undefined || Number.isNaN(value) ? null : value;
    });
  }

  #addRow(at: number, figures: Readonly<Record<string, number | undefined>>): void {
    for (const [name, value] of Object.entries(figures)) {
      if (value === undefined || this.#columns.has(name) || this.#columns.size >= this.#maxSeries) continue;
      this.#columns.set(name, new Float64Array(this.#capacity).fill(Number.NaN));
    }
    this.#times[this.#next] = at;
    for (const [name, column] of this.#columns) column[this.#next] = figures[name] ?? Number.NaN;
    this.#next = (this.#next + 1) % this.#capacity;
    this.#count = Math.min(this.#count + 1, this.#capacity);
  }

  #rows(since: number): number[] {
    const rows: number[] = [];
    for (let row = 0; row < this.#count; row += 1) {
      const index = this.#index(row);
      if ((this.#times[index] as number) >= since) rows.push(index);
    }
    return rows;
  }

  /** Position of the row with this age rank; 0 is the oldest. */
  #index(row: number): number {
    return (this.#next - this.#count + row + this.#capacity) % this.#capacity;
  }
}
