import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import type { Pane } from './pane.ts';
import { useStage } from './use-stage.ts';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

describe('the history of the browser', () => {
  const inScene = useStage();

  for (const mode of ['hosted', 'local'] as const) {
    it(
      `leads from a conversation back to the list, on a phone (${mode})`,
      inScene(async (scene) => {
        const { alice, bob } = scene;
        await scene.conversation();
        await scene.conversation(alice, `carol-of-${alice}`);
        const phone = await scene.device(PHONE);
        const chat = mode === 'hosted' ? await scene.openHosted(phone, alice) : (await scene.openPanes(phone)).first;
        const { page } = chat;
        const entries = () => page.evaluate(() => history.length);
        await chat.row(bob).tap();
        await chat.composer.waitFor();
        const deep = await entries();
        await page.goBack();
        await listShown(chat);
        await page.goForward();
        await conversationShown(chat, bob);
        await page.reload();
        await conversationShown(chat, bob);
        await chat.root.getByRole('button', { name: 'Back to the conversations' }).tap();
        await listShown(chat);
        // The button has gone back, not further: the next conversation takes the place of the first one.
        await chat.row(`carol-of-${alice}`).tap();
        await conversationShown(chat, `carol-of-${alice}`);
        expect(await entries()).to.equal(deep);
        await page.goBack();
        await listShown(chat);
        expect(page.url()).not.to.match(/[#?]/);
      }),
    );
  }

  it(
    'takes back what was opened in either of two panes, and a reload keeps the panes of the tab',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const other = `carol-of-${alice}`;
      await scene.conversation(alice, other);
      const device = await scene.device();
      const { page, first, second } = await scene.openPanes(device);
      await conversationShown(first, bob);
      await conversationShown(second, alice);
      await first.row(other).click();
      await conversationShown(first, other);
      await page.reload();
      await conversationShown(first, other);
      await conversationShown(second, alice);
      await page.goBack();
      await conversationShown(first, bob);
      await conversationShown(second, alice);
      await page.evaluate(() => {
        location.hash = 'anything';
      });
      await eventually(async () => expect(await page.evaluate(() => history.state)).to.have.property('chat'));
      await conversationShown(first, bob);
      await conversationShown(second, alice);

      // Another tab has other users.
      const tab = await device.open(scene.stage.cluster.url);
      await tab.evaluate(
        (users) => {
          localStorage.setItem('chat-local', JSON.stringify({ users }));
        },
        [other, bob],
      );
      await page.reload();
      await conversationShown(first, bob);
      await conversationShown(second, alice);
    }),
  );

  it(
    'opens nothing of a user who has signed out',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      await scene.conversation();
      const chat = await scene.openHosted(await scene.device(), alice);
      await chat.row(bob).click();
      await conversationShown(chat, bob);
      await chat.composer.press('Escape');
      await chat.root.getByRole('button', { name: 'Sign out' }).click();
      scene.signIn(`carol-of-${alice}`);
      await chat.page.getByRole('button', { name: 'Sign in again' }).click();
      await chat.live();
      await chat.page.goForward();
      // The entry is that of the conversation.
      await eventually(async () => {
        const { chat: entry } = await chat.page.evaluate(() => history.state);
        expect(entry.shown[0].screen).to.equal('conversation');
      });
      await chat.root.getByText('Choose a conversation').waitFor();
      expect(await chat.composer.count()).to.equal(0);
    }),
  );
});

async function conversationShown({ root }: Pane, user: string): Promise<void> {
  await root.getByRole('region', { name: `Conversation with ${user}`, exact: true }).waitFor();
}

async function listShown({ root }: Pane): Promise<void> {
  await root.getByRole('navigation').waitFor();
  await root.getByRole('log').waitFor({ state: 'hidden' });
}
