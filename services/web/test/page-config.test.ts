import { expect } from 'chai';
import { checkedHosted } from '../src/chat/session/page-config.ts';

const PAGE = 'https://chat.example.com/';

describe('/config.json', () => {
  it('may name addresses, absolute or of the site, or nothing', () => {
    const config = {
      apiUrl: 'https://api.example.com',
      tokenUrl: '/token',
      signInUrl: 'https://example.com/sign-in?a=1',
    };
    expect(checkedHosted({ ...config, more: 1 }, PAGE)).deep.equals(config);
    expect(checkedHosted({}, PAGE)).deep.equals({});
    expect(checkedHosted(undefined, PAGE)).deep.equals({});
  });

  for (const url of [
    'javascript:alert(1)',
    'data:text/html,x',
    'http://[bad',
    'ftp://example.com',
    'https://a@b.c/',
    '',
    5,
    null,
    {},
  ]) {
    it(`may not have the address ${JSON.stringify(url)}`, () => {
      for (const name of ['apiUrl', 'tokenUrl', 'signInUrl']) {
        expect(() => checkedHosted({ [name]: url }, PAGE)).throws(
          `/config.json: ${name} must be an address that begins with http:// or https://.`,
        );
      }
    });
  }

  it('must be an object', () => {
    for (const value of [null, 'x', 5]) expect(() => checkedHosted(value, PAGE)).throws('must contain an object');
  });
});
