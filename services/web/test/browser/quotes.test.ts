import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import type { Pane } from './pane.ts';
import { useStage } from './use-stage.ts';

/** More than the page keeps. */
const STORED = 700;

describe('a quote', () => {
  const inScene = useStage();

  it(
    'leads to the message that it quotes, and marks it; the message is loaded if need be',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const id = await scene.conversation();
      await scene.storeHistory(id, bob, STORED);
      const sender = scene.connect(bob).conversation(id);
      for (const seq of [20, STORED - 40]) {
        await sender.send({ content: `About message ${seq}`, replyToSeq: seq }).stored;
      }
      const chat = await scene.openHosted(await scene.device(), alice);
      await chat.row(bob).click();

      await quoteOf(chat, `About message ${STORED - 40}`).click();
      await shownAndMarked(chat, `Message ${STORED - 40}. `);
      await chat.jump.click();
      await quoteOf(chat, 'About message 20').press('Enter');
      await shownAndMarked(chat, 'Message 20. ');
      // The focus is there too: the quote has left the document.
      await chat.message('Message 20. ').locator('[data-actions]:focus').waitFor();
      await chat.message('Message 20. ').and(chat.page.locator('[data-marked=true]')).waitFor({ state: 'detached' });
      await chat.jump.click();
      await chat.message(`About message ${STORED - 40}`).waitFor();
    }),
  );

  it(
    'of a message that the user may not see states that',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const owner = scene.connect(bob);
      await owner.settled();
      const group = await owner.groups.create({ title: `Lunch of ${bob}`, userIds: [] });
      const { seq } = await group.send('before').stored;
      await group.add([alice]);
      await group.send({ content: 'after', replyToSeq: seq }).stored;
      const chat = await scene.openHosted(await scene.device(), alice);
      await chat.row(`Lunch of ${bob}`).click();
      await quoteOf(chat, 'after').click();
      await chat.root
        .getByRole('status', { name: 'Problems' })
        .getByText('The quoted message is not shown: You cannot see it, or it is not kept any more.')
        .waitFor();
    }),
  );
});

function quoteOf(chat: Pane, text: string) {
  return chat.message(text).getByRole('blockquote').getByRole('button');
}

/** Waits until the message is marked, and near the middle of the list. */
async function shownAndMarked(chat: Pane, text: string): Promise<void> {
  const message = chat.message(text);
  await message.and(chat.page.locator('[data-marked=true]')).waitFor();
  await eventually(async () => {
    const [list, box] = [await chat.log.boundingBox(), await message.boundingBox()];
    if (!list || !box) throw new Error('not shown');
    const middle = box.y + box.height / 2 - list.y;
    expect(middle / list.height).to.be.within(0.2, 0.8);
  });
}
