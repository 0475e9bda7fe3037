import type { Page } from '@chat-cluster/testkit/browser';
import { expect } from 'chai';
import { useStage } from './use-stage.ts';

/** RIGHT-TO-LEFT OVERRIDE: what follows is drawn backwards, up to the end of its paragraph. */
const OVERRIDE = '\u202e';

describe('a user id that would change the text around it', () => {
  const inScene = useStage();

  it(
    'is shown with the code of the character, and isolated, in the chat and in the cluster view',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const spoof = `${bob}${OVERRIDE}ecila`;
      const shown = `${bob}⟨U+202E⟩ecila`;
      const conversationId = await scene.conversation(alice, spoof);
      const chat = await scene.openHosted(await scene.device(), alice);
      await chat.row(shown).click();
      await scene.connect(spoof).conversation(conversationId).send('Hello from me').stored;
      await chat.message('Hello from me').waitFor();
      await chat.root.getByRole('heading', { name: shown }).waitFor();
      await chat.root.getByText('Hello from me').first().waitFor();
      expect(await drawnTexts(chat.page)).not.to.include(OVERRIDE);
      const names = await chat.root.locator('bdi', { hasText: shown }).count();
      expect(names, 'isolated names').to.be.at.least(2);
      expect(await chat.composer.getAttribute('placeholder')).to.equal(`Message \u2068${shown}\u2069`);

      const cluster = await scene.openCluster(await scene.device());
      await cluster.lookUpUser(spoof);
      const user = cluster.region('User');
      await user.getByRole('heading', { name: shown }).locator('bdi').waitFor();
      await user.getByRole('link', { name: conversationId }).click();
      const message = cluster.region('Message or conversation');
      await message.getByRole('link', { name: shown }).locator('bdi').waitFor();
      await user.getByRole('button', { name: 'Disconnect' }).click();
      await cluster.page
        .getByRole('dialog', { name: `Disconnect ${shown}?` })
        .locator('bdi')
        .waitFor();
      expect(await drawnTexts(cluster.page)).not.to.include(OVERRIDE);
    }),
  );
});

/** The texts of a page, and those of attributes that are drawn or read. What a field contains is the user's own. */
function drawnTexts(page: Page): Promise<string> {
  return page.evaluate(() => {
    const attributes = ['aria-label', 'title', 'placeholder', 'alt'];
    const texts = [...document.querySelectorAll('*')].flatMap((element) =>
      attributes.map((name) => element.getAttribute(name) ?? ''),
    );
    return [document.title, document.body.textContent, ...texts].join('\n');
  });
}
