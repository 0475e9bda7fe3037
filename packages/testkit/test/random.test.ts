import { expect } from 'chai';
import { between, oneOf, seededRandom } from '../src/random.ts';

describe('seeded random', () => {
  it('returns the same numbers for the same seed, and other numbers for another seed', () => {
    const draw = (seed: string) => Array.from({ length: 5 }, seededRandom(seed));
    expect(draw('7/F4/1')).to.deep.equal(draw('7/F4/1'));
    expect(draw('7/F4/1')).to.not.deep.equal(draw('7/F4/2'));
  });

  it('covers its range evenly', () => {
    const random = seededRandom('spread');
    const drawn = Array.from({ length: 2_000 }, () => between(random, 10, 20));
    expect(Math.min(...drawn)).to.be.within(10, 10.2);
    expect(Math.max(...drawn)).to.be.within(19.8, 20);
    expect(drawn.reduce((sum, one) => sum + one, 0) / 2_000).to.be.within(14.5, 15.5);
  });

  it('returns each of the choices', () => {
    const random = seededRandom('choose');
    const chosen = new Set(Array.from({ length: 100 }, () => oneOf(random, ['a', 'b', 'c'])));
    expect([...chosen].sort()).to.deep.equal(['a', 'b', 'c']);
    expect(() => oneOf(random, [])).to.throw('nothing to choose from');
  });
});
