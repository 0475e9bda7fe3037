import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import type { Scene } from './scene.ts';
import { type Stage, startStage } from './stage.ts';
import { numbered, send, settled, shownIn, type Tab } from './tab.ts';

describe('the client in Chromium', () => {
  let stage: Stage;
  before(async () => {
    stage = await startStage();
  });
  after(() => stage?.[Symbol.asyncDispose]());

  it('sends after a reload what was queued before it', async () => {
    await using scene = await stage.scene();
    const tab = await scene.openTab();
    await send(tab, scene.conversationId, ['1']);
    await settled(tab);
    scene.network({ kind: 'reset' });
    await send(tab, scene.conversationId, numbered(2, 10));
    await keeps(tab, scene, numbered(2, 10));
    await tab.page.reload();
    await eventually(async () => {
      const { outbox } = await shownIn(tab, scene.conversationId);
      expect(outbox).to.deep.equal(numbered(2, 10));
    });
    await send(tab, scene.conversationId, ['11']);
    scene.network({ kind: 'pass' });
    await scene.expectAllStored({ alice: numbered(1, 11) });
  });

  it('keeps what is sent just before a reload', async () => {
    await using scene = await stage.scene();
    const tab = await scene.openTab();
    await send(tab, scene.conversationId, ['0']);
    await scene.expectAllStored({ alice: ['0'] });
    scene.network({ kind: 'reset' });
    const load = tab.page.waitForEvent('load');
    await tab.run(({ chat, reload }, id) => {
      for (const text of ['1', '2', '3']) chat.conversation(id).send(text);
      reload();
    }, scene.conversationId);
    await load;
    scene.network({ kind: 'pass' });
    await scene.expectAllStored({ alice: ['0', '1', '2', '3'] });
  });

  it('keeps what is sent just before a reload, while the messages sent before it are being written', async () => {
    await using scene = await stage.scene();
    const tab = await scene.openTab();
    await send(tab, scene.conversationId, ['0']);
    await scene.expectAllStored({ alice: ['0'] });
    scene.network({ kind: 'reset' });
    const load = tab.page.waitForEvent('load');
    await tab.run(({ sendInTurns, reload }, id) => {
      void sendInTurns(id, ['1', '2', '3', '4']).then(reload);
    }, scene.conversationId);
    await load;
    scene.network({ kind: 'pass' });
    await scene.expectAllStored({ alice: ['0', '1', '2', '3', '4'] });
  });

  it('keeps what is sent just before a reload, while a received message is being written', async () => {
    await using scene = await stage.scene();
    const tab = await scene.openTab();
    await send(tab, scene.conversationId, ['0']);
    await scene.expectAllStored({ alice: ['0'] });
    const load = tab.page.waitForEvent('load');
    await tab.run(({ chat, sendInTurns, reload }, id) => {
      const off = chat.on('message', () => {
        off();
        void sendInTurns(id, ['1', '2', '3', '4']).then(reload);
      });
    }, scene.conversationId);
    await scene.sendAsBob(['hello']);
    await load;
    await scene.expectAllStored({ alice: ['0', '1', '2', '3', '4'], bob: ['hello'] });
  });

  it('sends in another tab what a crashed tab was sending', async () => {
    await using scene = await stage.scene();
    const tab = await scene.openTab();
    await settled(tab);
    scene.network({ kind: 'delay', ms: 25 });
    await send(tab, scene.conversationId, numbered(1, 30));
    await eventually(async () => expect(await scene.stored()).to.have.length.above(3));
    await stage.browser.crash(tab.page);
    scene.forget(tab);
    expect(await scene.stored(), 'stored at the crash').to.have.length.below(30);
    scene.network({ kind: 'pass' });
    const another = await scene.openTab();
    await scene.expectAllStored({ alice: numbered(1, 30) });
    expect(await sentBy(another), 'sent by the other tab').to.have.length.above(0);
    await tab.page.close();
  });

  for (const locks of [true, false]) {
    const options = locks ? [] : (['without-locks'] as const);

    it(`sends everything once from two tabs, ${locks ? 'one of which sends for both' : 'without Web Locks'}`, async () => {
      await using scene = await stage.scene();
      const first = await scene.openTab(...options);
      await settled(first);
      const second = await scene.openTab(...options);
      await settled(second);
      scene.network({ kind: 'delay', ms: 10 });
      await send(first, scene.conversationId, numbered(1, 5));
      await send(second, scene.conversationId, numbered(6, 15));
      await scene.sendAsBob(['hello']);
      await scene.expectAllStored({ alice: numbered(1, 15), bob: ['hello'] });
      const [sentByFirst, sentBySecond] = await Promise.all([first, second].map(sentBy));
      expect(sentByFirst).to.have.length(15);
      expect(sentBySecond).to.have.length(locks ? 0 : 15);
    });

    it(`sends in the other tab when the one that sends is closed${locks ? '' : ', without Web Locks'}`, async () => {
      await using scene = await stage.scene();
      const first = await scene.openTab(...options);
      await settled(first);
      const second = await scene.openTab(...options);
      await settled(second);
      scene.network({ kind: 'delay', ms: 25 });
      await send(first, scene.conversationId, numbered(1, 15));
      await send(second, scene.conversationId, numbered(16, 30));
      await eventually(async () => expect(await scene.stored()).to.have.length.above(3));
      scene.forget(first);
      await first.page.close();
      expect(await scene.stored(), 'stored when the tab was closed').to.have.length.below(30);
      await scene.sendAsBob(['hello']);
      await scene.expectAllStored({ alice: numbered(1, 30), bob: ['hello'] });
    });
  }

  it('is kept for "back": shown again, it has what it missed and sends what was queued', async () => {
    await using scene = await stage.scene();
    const tab = await scene.openTab();
    await settled(tab);
    const [before, meanwhile] = [numbered(1, 3, 'Bob '), numbered(4, 8, 'Bob ')];
    await scene.sendAsBob(before);
    scene.network({ kind: 'delay', ms: 25 });
    await send(tab, scene.conversationId, numbered(1, 20));
    await eventually(async () => expect(await scene.stored()).to.have.length.above(5));
    await tab.page.goto(scene.pages.awayFrom(scene.alice));
    expect(await scene.stored(), 'stored when the page was left').to.have.length.below(20);
    await scene.sendAsBob(meanwhile);
    await tab.page.goBack({ waitUntil: 'commit' });
    await eventually(async () => expect(await tab.run(({ shows }) => shows, null)).to.deep.equal([false, true]));
    await scene.expectAllStored({ alice: numbered(1, 20), bob: [...before, ...meanwhile] });
    await tab.run(({ chat }, id) => chat.conversation(id).read(), scene.conversationId);
    await eventually(async () => expect((await shownIn(tab, scene.conversationId)).badge).to.equal(0));
    await scene.expectAllStored({ alice: numbered(1, 20), bob: [...before, ...meanwhile] });
  });
});

/** Waits until the texts are in the database of the browser. */
async function keeps(tab: Tab, scene: Scene, texts: readonly string[]): Promise<void> {
  await eventually(async () => {
    const { kept } = await shownIn(tab, scene.conversationId);
    expect(kept).to.include.members(texts);
  });
}

function sentBy(tab: Tab): Promise<string[]> {
  return tab.run(({ sent }) => sent, null);
}
