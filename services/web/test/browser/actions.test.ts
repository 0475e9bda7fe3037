import { useStage } from './use-stage.ts';

describe('the actions of a message', () => {
  const inScene = useStage();

  it(
    'are used with the keyboard alone',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const conversation = scene.connect(alice).conversation(await scene.conversation());
      await conversation.send('the first').stored;
      await conversation.send('the second').stored;
      const chat = await scene.openHosted(await scene.device(), bob);
      await chat.row(alice).click();
      await chat.message('the second').waitFor();
      const { keyboard } = chat.page;
      const focused = (text: string) => chat.message(text).locator('[data-actions]:focus');
      await chat.composer.press('ArrowUp');
      await focused('the second').waitFor();
      await keyboard.press('ArrowUp');
      await focused('the first').waitFor();
      await keyboard.press('Enter');
      await chat.root.getByRole('menuitem', { name: 'React with 👍' }).and(chat.page.locator(':focus')).waitFor();
      await keyboard.press('Enter');
      await chat.message('the first').getByRole('button', { name: '👍 1, including yours' }).waitFor();
      await focused('the first').waitFor();
      await keyboard.press('Enter');
      await chat.root.getByRole('menu').waitFor();
      await keyboard.press('Escape');
      await focused('the first').waitFor();
      await keyboard.press('ArrowDown');
      await focused('the second').waitFor();
    }),
  );

  it(
    'stay open while messages arrive, which are shown afterwards',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const conversation = scene.connect(alice).conversation(await scene.conversation());
      const chat = await scene.openHosted(await scene.device(), bob);
      await chat.row(alice).click();
      for (let line = 1; line <= 30; line++) conversation.send(`line ${line}`);
      await chat.message('line 30').getByRole('button', { name: 'Actions' }).click();
      const item = chat.root.getByRole('menuitem', { name: 'React with 👍' });
      await item.waitFor();
      for (const text of ['one more', 'and another']) await conversation.send(text).stored;
      await chat.root.getByRole('button', { name: '2 new' }).waitFor();
      await item.click();
      await chat.message('line 30').getByRole('button', { name: '👍 1, including yours' }).waitFor();
      await chat.message('and another').waitFor();
      await chat.jump.waitFor({ state: 'detached' });
    }),
  );

  it(
    'are used with a finger on a phone',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const conversation = scene.connect(alice).conversation(await scene.conversation());
      await conversation.send('the question').stored;
      const phone = await scene.device({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
      const chat = await scene.openHosted(phone, bob);
      await chat.row(alice).tap();
      await chat.message('the question').getByRole('button', { name: 'Actions' }).tap();
      await chat.root.getByRole('menuitem', { name: 'Reply' }).tap();
      await chat.composer.fill('the answer');
      await chat.root.getByRole('button', { name: 'Send' }).tap();
      await chat.message('the answer').getByRole('blockquote').getByText('the question').waitFor();
      await chat.expectMark('the answer', 'Stored');
    }),
  );
});
