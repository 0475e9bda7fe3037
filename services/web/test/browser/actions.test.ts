import { expect } from 'chai';
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
    'of a message that is too old to be changed are refused with a sentence',
    inScene(async (scene) => {
      const { alice, bob, stage } = scene;
      const id = await scene.conversation();
      await scene.connect(alice).conversation(id).send('an old message').stored;
      await stage.query(`update messages set created_at = created_at - interval '1 day' where conversation_id = $1`, [
        id,
      ]);
      const chat = await scene.openHosted(await scene.device(), alice);
      await chat.row(bob).click();
      await chat.act('an old message', 'Edit');
      const editor = chat.root.getByRole('textbox', { name: 'New text of the message' });
      await editor.fill('a new text');
      await chat.page.keyboard.press('Enter');
      const problems = chat.root.getByRole('status', { name: 'Problems' });
      const reason = 'because it is too old: this server lets senders change a message for a limited time.';
      await problems.getByText(`The message was not edited, ${reason}`).waitFor();
      expect(await editor.inputValue()).to.equal('a new text');
      await chat.page.keyboard.press('Escape');
      await editor.waitFor({ state: 'detached' });
      await chat.message('an old message').getByRole('button', { name: 'Actions' }).click();
      await chat.root.getByRole('menuitem', { name: 'Delete' }).click();
      await chat.root.getByRole('menuitem', { name: 'Delete for everyone?' }).click();
      await problems.getByText(`The message was not deleted, ${reason}`).waitFor();
      await chat.message('an old message').waitFor();
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
