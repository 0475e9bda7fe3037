import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '@chat-cluster/testkit';
import type { CDPSession } from '@chat-cluster/testkit/browser';
import { expect } from 'chai';
import type { Scene } from './scene.ts';
import { type Stage, startStage } from './stage.ts';
import { numbered, send, settled, shownIn, type Tab } from './tab.ts';

/** A real time: longer than the pings of Socket.IO and the time after which a socket of a hidden page counts as dead. */
const MINUTE_MS = 60_000;

describe('the client in Chromium, after a minute', () => {
  let stage: Stage;
  before(async () => {
    stage = await startStage();
  });
  after(() => stage?.[Symbol.asyncDispose]());

  // One minute for all of them.
  it('has everything when it was hidden, frozen or offline', async () => {
    await using hidden = await stage.scene();
    await using frozen = await stage.scene();
    await using offline = await stage.scene();
    const hiddenTab = await hidden.openTab();
    const frozenTab = await frozen.openTab();
    const offlineTab = await offline.openTab();
    for (const tab of [hiddenTab, frozenTab, offlineTab]) await settled(tab);
    expect(await visibilityOf(hiddenTab)).to.equal('hidden');
    expect(await visibilityOf(offlineTab)).to.equal('visible');

    await using frozenPage = await controlOf(stage, frozenTab);
    await using offlinePage = await controlOf(stage, offlineTab);
    const minute = delay(MINUTE_MS);
    await send(frozenTab, frozen.conversationId, numbered(1, 5));
    await frozenPage.session.send('Page.setWebLifecycleState', { state: 'frozen' });
    frozen.hadFaults = true; // Chromium ends the connection of a frozen page.
    offline.network({ kind: 'blackhole' });
    await offlinePage.setOffline(true);
    expect(await offlineTab.page.evaluate('navigator.onLine')).to.equal(false);
    await send(offlineTab, offline.conversationId, numbered(1, 5));
    for (const scene of [hidden, frozen, offline]) await scene.sendAsBob(numbered(1, 5, 'Bob '));

    // A hidden page goes on, and connects once more after it has lost its connection.
    await shows(hiddenTab, hidden, numbered(1, 5, 'Bob '));
    hidden.network({ kind: 'reset' });
    hidden.network({ kind: 'pass' });
    await hidden.sendAsBob(numbered(6, 10, 'Bob '));
    await shows(hiddenTab, hidden, numbered(1, 10, 'Bob '));
    await send(hiddenTab, hidden.conversationId, numbered(1, 5));
    await minute;

    offline.network({ kind: 'reset' });
    offline.network({ kind: 'pass' });
    await offlinePage.setOffline(false);
    await offline.expectAllStored({ alice: numbered(1, 5), bob: numbered(1, 5, 'Bob ') });
    await hiddenTab.page.bringToFront();
    expect(await visibilityOf(hiddenTab)).to.equal('visible');
    await hidden.expectAllStored({ alice: numbered(1, 5), bob: numbered(1, 10, 'Bob ') });
    await frozenPage.session.send('Page.setWebLifecycleState', { state: 'active' });
    await frozenTab.page.bringToFront();
    await frozen.expectAllStored({ alice: numbered(1, 5), bob: numbered(1, 5, 'Bob ') });
  });
});

interface PageControl extends AsyncDisposable {
  session: CDPSession;
  /** Whether the browser thinks that there is a network. */
  setOffline(offline: boolean): Promise<unknown>;
}

async function controlOf(stage: Stage, { page }: Tab): Promise<PageControl> {
  const session = await stage.browser.window.newCDPSession(page);
  await session.send('Network.enable');
  return {
    session,
    setOffline: (offline) =>
      session.send('Network.emulateNetworkConditions', {
        offline,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput: -1,
      }),
    [Symbol.asyncDispose]: () => session.detach(),
  };
}

function visibilityOf({ page }: Tab): Promise<string> {
  return page.evaluate('document.visibilityState');
}

async function shows(tab: Tab, scene: Scene, texts: readonly string[]): Promise<void> {
  await eventually(async () => expect((await shownIn(tab, scene.conversationId)).received).to.deep.equal(texts));
}
