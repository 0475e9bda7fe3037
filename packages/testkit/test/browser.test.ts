import { existsSync, globSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Page, startBrowser } from '../src/browser.ts';

const PAGE = 'data:text/html,<title>Page</title>';

describe('a browser for tests', () => {
  it('shows one tab and hides those behind it, also after a crash, and leaves nothing', async () => {
    const before = folders();
    let folder: string | undefined;
    {
      await using browser = await startBrowser();
      folder = folders().find((found) => !before.includes(found));
      const first = await browser.openTab(PAGE);
      expect(await first.title()).to.equal('Page');
      const second = await browser.openTab(PAGE);
      expect(await Promise.all([first, second].map(visibilityOf))).to.deep.equal(['hidden', 'visible']);
      await first.bringToFront();
      expect(await Promise.all([first, second].map(visibilityOf))).to.deep.equal(['visible', 'hidden']);
      await browser.crash(first);
      expect(await visibilityOf(second)).to.be.oneOf(['hidden', 'visible']);
    }
    expect(folder).to.be.a('string');
    expect(existsSync(String(folder)), 'folder of the profile').to.equal(false);
  });
});

function visibilityOf(page: Page): Promise<string> {
  return page.evaluate('document.visibilityState');
}

function folders(): string[] {
  return globSync(join(tmpdir(), 'chat-browser-*'));
}
