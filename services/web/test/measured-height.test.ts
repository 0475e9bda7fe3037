import { Virtualizer } from '@tanstack/react-virtual';
import { expect } from 'chai';
import { measuredHeight } from '../src/chat/conversation/measured-height.ts';

const GUESS = 50;

describe('The height of a row', () => {
  let changes: number;
  let list: Virtualizer<Element, HTMLDivElement>;

  beforeEach(() => {
    changes = 0;
    list = new Virtualizer<Element, HTMLDivElement>({
      count: 20,
      getScrollElement: () => null,
      estimateSize: () => GUESS,
      measureElement: measuredHeight,
      scrollToFn: () => {},
      observeElementRect: () => {},
      observeElementOffset: () => {},
      onChange: () => changes++,
    });
    list.getTotalSize();
  });

  it('is not read from the document, and the list is not drawn again, when React puts a row into it', () => {
    for (let index = 0; index < 20; index++) list.measureElement(rowThatMustNotBeRead(index));
    expect([changes, list.getTotalSize()]).deep.equals([0, 20 * GUESS]);
  });

  it('is what the browser has laid out, and is known when the row comes back', () => {
    list.resizeItem(
      3,
      measuredHeight(rowThatMustNotBeRead(3), { borderBoxSize: [{ blockSize: 71.4 }] } as never, list),
    );
    expect([changes, list.getTotalSize()]).deep.equals([1, 19 * GUESS + 71]);
    list.measureElement(rowThatMustNotBeRead(3));
    expect([changes, list.getTotalSize()]).deep.equals([1, 19 * GUESS + 71]);
  });
});

/** A row whose size throws: reading it forces a layout. */
function rowThatMustNotBeRead(index: number): HTMLDivElement {
  const known: Record<string | symbol, unknown> = { getAttribute: () => String(index), isConnected: true };
  return new Proxy({} as HTMLDivElement, {
    get(_, name) {
      if (name in known) return known[name];
      throw new Error(`${String(name)} is read`);
    },
  });
}
