import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import type { Pane } from './pane.ts';
import { useStage } from './use-stage.ts';

/** More than the page keeps. */
const STORED = 700;

describe('a conversation that is longer than the page keeps', () => {
  const inScene = useStage();

  it(
    'stays where the user reads while messages arrive, and goes on to the newest one',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const conversationId = await scene.conversation();
      await scene.storeHistory(conversationId, bob, STORED);
      const pane = await scene.openPane();
      await pane.row(bob).click();
      await pane.message(`Message ${STORED}.`).waitFor();
      await scrollUntil(pane, -4_000, 'Message 1. ');

      const sender = scene.connect(bob).conversation(conversationId);
      const before = await places(pane);
      for (let n = 1; n <= 20; n++) await sender.send(`New ${n} of ${alice}`).stored;
      await pane.jump.filter({ hasText: '20 new' }).waitFor();
      expect(await places(pane), 'messages on the screen and their places').to.deep.equal(before);

      await scrollUntil(pane, 4_000, `New 20 of ${alice}`);
      await pane.jump.waitFor({ state: 'detached' });
      expect(await pane.log.getByRole('note').count(), 'marks of messages that are not loaded').to.equal(0);
      await sender.send('The last one').stored;
      await pane.message('The last one').waitFor();
    }),
  );
});

async function scrollUntil(pane: Pane, px: number, text: string): Promise<void> {
  await pane.log.hover();
  await eventually(async () => {
    await pane.page.mouse.wheel(0, px);
    expect(await pane.message(text).count(), text).to.equal(1);
  }, 100_000);
}

/** The messages in the document with their distance from the top of the page, when the list has come to rest. */
function places(pane: Pane): Promise<unknown[]> {
  return pane.log.evaluate(async (view) => {
    const read = () =>
      [...view.querySelectorAll('article')].map((one) => [one.textContent, one.getBoundingClientRect().top]);
    for (let last = ''; ; ) {
      const now = JSON.stringify(read());
      if (now === last) return read();
      last = now;
      for (let frame = 0; frame < 10; frame++) await new Promise(requestAnimationFrame);
    }
  });
}
