import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { textOf } from './pane.ts';
import { useStage } from './use-stage.ts';

/** A picture of one pixel that is answered for every address. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

describe('a message', () => {
  const inScene = useStage();

  it(
    'that was not sent before a reload is sent once after it',
    inScene(async (scene) => {
      const { alice, bob, stage } = scene;
      const conversationId = await scene.conversation();
      const received: (string | null)[] = [];
      scene.connect(bob).on('message', ({ content }) => received.push(content));
      const device = await scene.device();
      device.breaksNetwork = true;
      const chat = await scene.openHosted(device, alice);
      await chat.live();
      await chat.row(bob).click();
      await chat.send('before');
      await chat.expectMark('before', 'Stored');
      stage.hosted.network.set({ kind: 'reset' });
      await chat.send('without a connection');
      await chat.expectMark('without a connection', 'Waiting to be sent');
      await chat.banner.getByText('No connection to the server.').waitFor();
      await chat.page.reload();
      await chat.row(bob).click();
      await chat.expectMark('without a connection', 'Waiting to be sent');
      await chat.send('after the reload');
      stage.hosted.network.set({ kind: 'pass' });
      await chat.expectMark('after the reload', 'Stored');
      const texts = ['before', 'without a connection', 'after the reload'];
      await chat.expectTexts(texts);
      await chat.banner.getByText(/./).waitFor({ state: 'detached' });
      expect(await scene.stored(conversationId)).to.deep.equal(texts);
      await eventually(() => expect(received).to.deep.equal(texts));
    }),
  );

  it(
    'that the database refuses can be sent again or discarded',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const conversationId = await scene.conversation();
      const pane = await scene.openPane();
      await pane.row(bob).click();
      await using refusal = await scene.refuseMessages(`refused ${alice}`);
      await pane.send(`refused ${alice} one`);
      await pane.send(`refused ${alice} two`);
      for (const number of ['one', 'two']) {
        await pane
          .message(`refused ${alice} ${number}`)
          .getByText(/^Not sent: /)
          .waitFor();
        await pane.expectMark(`refused ${alice} ${number}`, 'Not sent');
      }
      await pane.message(`refused ${alice} one`).getByRole('button', { name: 'Discard' }).click();
      await pane.message(`refused ${alice} one`).waitFor({ state: 'detached' });
      await refusal[Symbol.asyncDispose]();
      await pane.message(`refused ${alice} two`).getByRole('button', { name: 'Retry' }).click();
      await pane.expectMark(`refused ${alice} two`, 'Stored');
      expect(await scene.stored(conversationId)).to.deep.equal([`refused ${alice} two`]);
    }),
  );

  it(
    'has images and files by their address',
    inScene(async (scene) => {
      const { bob } = scene;
      const conversationId = await scene.conversation();
      const device = await scene.device();
      // The image that is missing.
      device.breaksNetwork = true;
      await device.context.route('https://files.example/**', (route) =>
        route.request().url().endsWith('missing.png')
          ? route.fulfill({ status: 404 })
          : route.fulfill({ contentType: 'image/png', body: PIXEL }),
      );
      const pane = await scene.openPane(device);
      await pane.row(bob).click();
      const attach = async (address: string) => {
        await pane.root.getByRole('button', { name: 'Attach by address' }).click();
        await pane.page.getByLabel('Address of the file').fill(address);
        await pane.page.getByRole('button', { name: 'Attach', exact: true }).click();
      };
      await attach('http://files.example/plain.png');
      await pane.page.getByText('Type an address that begins with https://').waitFor();
      await pane.page.keyboard.press('Escape');
      await attach('https://files.example/harbour%20map.png');
      await attach('https://files.example/plan.pdf');
      await attach('https://files.example/missing.png');
      await pane.send('Three files');
      const message = pane.message('Three files');
      await message.getByRole('img', { name: 'harbour map.png' }).waitFor();
      await eventually(async () => {
        const width = await message
          .locator('img[alt="harbour map.png"]')
          .evaluate((image: HTMLImageElement) => image.naturalWidth);
        expect(width).to.equal(1);
      });
      await message.getByRole('link', { name: 'plan.pdf PDF · files.example' }).waitFor();
      await message.getByRole('link', { name: 'missing.png Image, not available · files.example' }).waitFor();
      await pane.expectMark('Three files', 'Stored');
      const [row] = await scene.stage.query('select attachments from messages where conversation_id = $1', [
        conversationId,
      ]);
      expect(row?.attachments).to.deep.equal([
        { url: 'https://files.example/harbour%20map.png', type: 'IMAGE' },
        { url: 'https://files.example/plan.pdf', type: 'PDF' },
        { url: 'https://files.example/missing.png', type: 'IMAGE' },
      ]);
    }),
  );

  it(
    'begins a conversation',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const received: (string | null)[] = [];
      scene.connect(bob).on('message', ({ content }) => received.push(content));
      const pane = await scene.openPane();
      await pane.live();
      await pane.root.getByRole('button', { name: 'New conversation' }).click();
      await pane.page.getByLabel('User id').fill(alice);
      await pane.page.getByRole('button', { name: 'Open conversation' }).click();
      await pane.page.getByText('This is your own id.').waitFor();
      await pane.page.getByLabel('User id').fill(bob);
      await pane.page.keyboard.press('Enter');
      await pane.root.getByText('This is the beginning of your conversation with').waitFor();
      await eventually(async () =>
        expect(await pane.composer.evaluate((field) => field === document.activeElement)).to.equal(true),
      );
      await pane.page.keyboard.type('The pane message');
      await pane.page.keyboard.press('Enter');
      await pane.expectMark('The pane message', 'Stored');
      await eventually(() => expect(received).to.deep.equal(['The pane message']));
    }),
  );

  it(
    'that is not finished stays in its conversation, also after a reload',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const carol = `carol-of-${alice}`;
      await scene.conversation();
      await scene.conversation(alice, carol);
      const pane = await scene.openPane();
      await pane.row(bob).click();
      await pane.composer.fill('for Bob');
      await pane.row(carol).click();
      expect(await pane.composer.inputValue()).to.equal('');
      await pane.composer.fill('for Carol');
      await pane.row(bob).click();
      expect(await pane.composer.inputValue()).to.equal('for Bob');
      await pane.page.reload();
      await pane.row(carol).click();
      expect(await pane.composer.inputValue()).to.equal('for Carol');
      await pane.composer.press('Enter');
      await pane.expectMark('for Carol', 'Stored');
      expect(await pane.composer.inputValue()).to.equal('');
    }),
  );

  it(
    'is written and read with the keyboard alone',
    inScene(async (scene) => {
      const { bob } = scene;
      const conversationId = await scene.conversation();
      const pane = await scene.openPane();
      await pane.row(bob).waitFor();
      await pane.page.keyboard.press('Tab');
      await pane.page.getByRole('link', { name: 'Skip to the content' }).and(pane.page.locator(':focus')).waitFor();
      await pane.page.keyboard.press('Enter');
      const focusedRow = pane.root.locator('[data-row]:focus');
      for (let presses = 0; presses < 20 && (await focusedRow.count()) === 0; presses++)
        await pane.page.keyboard.press('Tab');
      for (let presses = 0; presses < 5 && !(await textOf(focusedRow)).includes(bob); presses++)
        await pane.page.keyboard.press('ArrowDown');
      await pane.page.keyboard.press('Enter');
      await pane.composer.and(pane.page.locator(':focus')).waitFor();
      await pane.page.keyboard.type('line one');
      await pane.page.keyboard.press('Shift+Enter');
      await pane.page.keyboard.type('line two');
      await pane.page.keyboard.press('Enter');
      await pane.expectMark('line one', 'Stored');
      expect(await scene.stored(conversationId)).to.deep.equal(['line one\nline two']);
      await pane.page.keyboard.press('Escape');
      await focusedRow.waitFor();
    }),
  );

  it(
    'in a language from right to left has its direction',
    inScene(async (scene) => {
      const { bob } = scene;
      await scene.conversation();
      const pane = await scene.openPane();
      await pane.row(bob).click();
      await pane.send('مرحبا، هل وصلت الرسالة؟');
      await pane.send('Yes, it did.');
      const direction = (text: string) =>
        pane
          .message(text)
          .locator('[dir=auto]')
          .evaluate((element) => getComputedStyle(element).direction);
      expect(await direction('مرحبا')).to.equal('rtl');
      expect(await direction('Yes')).to.equal('ltr');
    }),
  );
});
