import { expect } from 'chai';
import { isolatedText, visibleText } from '../src/ui/visible-text.ts';

describe('a name that others have chosen', () => {
  for (const name of ['alice', 'Zoë Müller', 'عليّ', 'משה', '김민준', '🙂', '❤️', '👩‍❤️‍👨 family', '👍🏽', 'a.b-c@d/é'])
    it(`is shown as it is: ${name}`, () => {
      expect(visibleText(name)).to.equal(name);
    });

  for (const [name, shown] of [
    ['alice\u202egnp.exe', 'alice⟨U+202E⟩gnp.exe'],
    ['\u2066bob\u2069', '⟨U+2066⟩bob⟨U+2069⟩'],
    ['ali\u200bce', 'ali⟨U+200B⟩ce'],
    ['al\u200dice', 'al⟨U+200D⟩ice'],
    ['alice\ufe0f', 'alice⟨U+FE0F⟩'],
    ['\u3164', '⟨U+3164⟩'],
    ['a\u00ad\u0085\ufeffb', 'a⟨U+00AD⟩⟨U+0085⟩⟨U+FEFF⟩b'],
    ['alice\u{e0041}', 'alice⟨U+E0041⟩'],
    ['alice ', 'alice⟨U+0020⟩'],
    [' a  b', '⟨U+0020⟩a⟨U+0020⟩ b'],
    ['a\u00a0b', 'a⟨U+00A0⟩b'],
  ] as const)
    it(`shows characters that are not seen: ${shown}`, () => {
      expect(visibleText(name)).to.equal(shown);
    });

  it('is isolated where there are no elements', () => {
    expect(isolatedText('x\u202e')).to.equal('\u2068x⟨U+202E⟩\u2069');
  });
});
