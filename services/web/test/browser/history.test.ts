import { eventually } from '@chat-cluster/testkit';
import type { Locator } from '@chat-cluster/testkit/browser';
import { expect } from 'chai';
import { textOf } from './pane.ts';
import { useStage } from './use-stage.ts';

describe('the history of a conversation', () => {
  const inScene = useStage();

  it(
    'is loaded upwards without a jump',
    inScene(async (scene) => {
      const { alice, bob, stage } = scene;
      await scene.storeHistory(await scene.conversation(), bob, 2_000);
      const chat = await scene.openHosted(await scene.device(), alice);
      await chat.row(bob).click();
      await chat.message('Message 2000.').waitFor();
      // Older messages arrive late enough for the position before them to be measured.
      stage.hosted.network.set({ kind: 'delay', ms: 300 });
      for (let loads = 0; loads < 2; ) {
        const moved = await movementDuringLoad(chat.log);
        // They had arrived before the measurement.
        if (moved.grown === 0) continue;
        expect(moved.frames, 'frames with the message on the screen').to.be.above(3);
        expect(moved.px, 'movement of a message, in px').to.be.at.most(2);
        loads++;
      }
    }),
  );

  it(
    'moves with the wheel only, also when the page is late to draw',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      await scene.storeHistory(await scene.conversation(), bob, 2_000);
      const chat = await scene.openHosted(await scene.device(), alice);
      await chat.row(bob).click();
      await chat.message('Message 2000.').waitFor();
      await chat.page.evaluate(drawLate);
      await chat.log.hover();
      const watch = await chat.log.evaluateHandle(watchMovement);
      // The wheel waits for a frame, but not for the rows.
      for (let turn = 0; turn < 150; turn++) await chat.page.mouse.wheel(0, -240);
      const { back, frames } = await watch.evaluate(({ moved }) => moved);
      expect(frames, 'frames with a movement').to.be.above(20);
      expect(back, 'movement of a message against the wheel, in px').to.be.at.most(2);
    }),
  );

  it(
    'of a message with thousands of lines shows its beginning, and all of it on demand',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const conversation = scene.connect(bob).conversation(await scene.conversation());
      await conversation.send('Before').stored;
      await conversation.send(`First line${'\n'.repeat(5_000)}Last line`).stored;
      const chat = await scene.openHosted(await scene.device(), alice);
      await chat.row(bob).click();
      const long = chat.message('First line');
      const heightOf = async () => (await long.boundingBox())?.height ?? 0;
      const topOf = async () => (await long.boundingBox())?.y ?? 0;
      await eventually(async () => expect(await heightOf()).to.be.within(500, 1_200));
      expect(await textOf(long)).not.to.include('Last line');
      const button = long.getByRole('button', { name: /^Show / });
      expect(await textOf(button)).to.equal('Show all 5,019 characters');
      expect(await button.getAttribute('aria-expanded')).to.equal('false');
      const before = await topOf();
      await button.press('Enter');
      await eventually(async () => expect(await heightOf()).to.be.above(50_000));
      expect(await textOf(long)).to.include('Last line');
      expect(Math.abs((await topOf()) - before), 'movement of the message, in px').to.be.at.most(2);
      // A row that leaves the screen leaves the document; it comes back as the user left it.
      await conversation.send('After').stored;
      await chat.log.press('End');
      await chat.message('After').waitFor();
      expect(await heightOf()).to.be.above(50_000);
      await button.press('Enter');
      await eventually(async () => expect(await heightOf()).to.be.below(1_200));
      expect(await button.getAttribute('aria-expanded')).to.equal('false');
      expect(await button.evaluate((element) => element === document.activeElement)).to.equal(true);
    }),
  );

  it(
    'of thousands of messages has few of them in the document, to its beginning and back',
    inScene(async (scene) => {
      const { bob } = scene;
      const conversationId = await scene.conversation();
      await scene.storeHistory(conversationId, bob, 2_000);
      const first = await scene.openPane();
      await first.row(bob).click();
      await first.message('Message 2000.').waitFor();
      await first.log.hover();
      const beginning = first.log.getByText(/^Message 1\. /);
      await eventually(async () => {
        await first.page.mouse.wheel(0, -20_000);
        expect(await beginning.count(), 'the first message is shown').to.equal(1);
      }, 100_000);
      expect(await first.log.getByRole('article').count()).to.be.below(100);
      await scene.connect(bob).conversation(conversationId).send('Something new').stored;
      await first.jump.filter({ hasText: '1 new' }).click();
      await first.message('Something new').waitFor();
      await first.jump.waitFor({ state: 'detached' });
    }),
  );
});

/**
 * Scrolls to where older messages are loaded, and follows a message on the screen in every frame until they are there, for
 * 5 s at most. `grown`: height of the messages that were added, in px.
 */
function movementDuringLoad(log: Locator): Promise<{ frames: number; px: number; grown: number }> {
  return log.evaluate(async (view) => {
    const frame = () => new Promise(requestAnimationFrame);
    view.dispatchEvent(new WheelEvent('wheel', { deltaY: -1 }));
    view.scrollTop = 700;
    for (let count = 0; count < 4; count++) await frame();
    const middle = view.getBoundingClientRect().top + view.clientHeight / 2;
    const followed = [...view.querySelectorAll('article')].find(
      (article) => article.getBoundingClientRect().bottom > middle,
    );
    if (!followed) throw new Error('no message is on the screen');
    const height = view.scrollHeight;
    const place = followed.getBoundingClientRect().top;
    let px = 0;
    let frames = 0;
    const deadline = performance.now() + 5_000;
    for (let after = 0; after < 10 && performance.now() < deadline; frames++) {
      await frame();
      if (!followed.isConnected) throw new Error('the message has left the document');
      px = Math.max(px, Math.abs(followed.getBoundingClientRect().top - place));
      if (view.scrollHeight > height + 500) after++;
    }
    return { frames, px, grown: view.scrollHeight - height };
  });
}

interface Movement {
  /** Frames in which messages on the screen have moved. */
  frames: number;
  /** How far a message has moved up while it should move down, in px. */
  back: number;
}

/** React draws 0.3 s late, as on a busy machine: messages then come into view before they are measured. */
function drawLate(): void {
  const post = MessagePort.prototype.postMessage;
  MessagePort.prototype.postMessage = function (message: unknown) {
    setTimeout(() => post.call(this, message), 300);
  };
}

/** Watches the messages on the screen, as they are painted, while the wheel scrolls up. */
function watchMovement(view: Element): { moved: Movement } {
  const moved: Movement = { frames: 0, back: 0 };
  let before = new Map<Element, number>();
  const sample = () => {
    const { top, bottom } = view.getBoundingClientRect();
    const now = new Map<Element, number>();
    for (const article of view.querySelectorAll('article')) {
      const box = article.getBoundingClientRect();
      if (box.bottom > top && box.top < bottom) now.set(article, box.top);
    }
    const movements = [...now].flatMap(([article, at]) => {
      const old = before.get(article);
      return old === undefined ? [] : [at - old];
    });
    moved.back = Math.max(moved.back, ...movements.map((px) => -px));
    if (movements.some((px) => px !== 0)) moved.frames++;
    before = now;
  };
  // Observers run between layout and painting in the order of their creation: the list has corrected the position.
  const clock = document.createElement('div');
  clock.style.position = 'fixed';
  document.body.append(clock);
  new ResizeObserver(sample).observe(clock);
  let frame = 0;
  const tick = () => {
    frame++;
    clock.style.width = `${1 + (frame % 2)}px`;
    requestAnimationFrame(tick);
  };
  tick();
  return { moved };
}
