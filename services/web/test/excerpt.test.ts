import { expect } from 'chai';
import { beginningOf, excerptOf } from '../src/chat/conversation/excerpt.ts';

describe('The beginning of a message', () => {
  it('is the whole text of up to 40 lines and 4,000 characters', () => {
    for (const text of ['', 'Hello', '\n'.repeat(39), `${'x'.repeat(99)}\n`.repeat(39), 'x'.repeat(4_000)]) {
      expect(excerptOf(text)).to.equal(text);
    }
  });

  it('has 40 lines', () => {
    expect(excerptOf('\n'.repeat(5_000))).to.equal('\n'.repeat(39));
    expect(excerptOf('a\n'.repeat(41))).to.equal('a\n'.repeat(40).slice(0, -1));
  });

  it('has 4,000 characters, and no half of one', () => {
    expect(excerptOf('x'.repeat(4_001))).to.have.length(3_999);
    const cut = excerptOf(`x${'🙂'.repeat(2_500)}`);
    expect([cut.isWellFormed(), cut.length]).to.deep.equal([true, 3_999]);
    expect(excerptOf(`${'x'.repeat(3_999)}e\u0301${'x'.repeat(9)}`)).to.equal('x'.repeat(3_999));
  });

  it('of any length has no half of a character', () => {
    expect(beginningOf('🙂🙂', 4)).to.equal('🙂🙂');
    expect(beginningOf('🙂🙂', 3)).to.equal('🙂');
    expect(beginningOf('ab🙂', 3)).to.equal('ab');
  });
});
