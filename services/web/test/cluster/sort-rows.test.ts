import { expect } from 'chai';
import { nextOrder, sortRows } from '../../src/cluster/data/sort-rows.ts';

const rows = [
  { name: 'gateway-10', load: 3 },
  { name: 'gateway-2', load: undefined },
  { name: 'gateway-9', load: 7 },
  { name: 'gateway-1', load: 3 },
];

describe('the order of a table', () => {
  const names = (descending: boolean, by: (row: (typeof rows)[number]) => string | number | undefined) =>
    sortRows(rows, { descending }, by, ({ name }) => name).map(({ name }) => name);

  it('compares numbers in names as numbers', () => {
    expect(names(false, ({ name }) => name)).to.deep.equal(['gateway-1', 'gateway-2', 'gateway-9', 'gateway-10']);
    expect(names(true, ({ name }) => name)).to.deep.equal(['gateway-10', 'gateway-9', 'gateway-2', 'gateway-1']);
  });

  it('keeps rows without a figure last, and rows with equal figures in the order of their names', () => {
    expect(names(true, ({ load }) => load)).to.deep.equal(['gateway-9', 'gateway-1', 'gateway-10', 'gateway-2']);
    expect(names(false, ({ load }) => load)).to.deep.equal(['gateway-1', 'gateway-10', 'gateway-9', 'gateway-2']);
  });

  it('turns when the same column is chosen again, and starts with the direction of a new column', () => {
    const first = nextOrder({ column: 'name', descending: false }, 'load', true);
    expect(first).to.deep.equal({ column: 'load', descending: true });
    expect(nextOrder(first, 'load', true)).to.deep.equal({ column: 'load', descending: false });
    expect(nextOrder(first, 'name', false)).to.deep.equal({ column: 'name', descending: false });
  });
});
