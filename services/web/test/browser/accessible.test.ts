import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from '@chat-cluster/testkit/browser';
import type { AxeResults, RunOptions } from 'axe-core';
import { expect } from 'chai';
import type { Pane } from './pane.ts';
import { pictureFile } from './scene.ts';
import { useStage } from './use-stage.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const WIDTHS = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } } as const;

/** How a page is looked at. Each colour scheme and each width occurs; contrast does not depend on the width. */
const VIEWS = [
  { width: 'desk', colorScheme: 'light' },
  { width: 'desk', colorScheme: 'dark' },
  { width: 'phone', colorScheme: 'light' },
] as const;

describe('the pages for everyone', () => {
  const inScene = useStage();

  it(
    'have no serious problem for assistive technology: the chat, with and without messages',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const { page, first, second } = await scene.openPanes(await scene.device());
      await first.root.getByText('This is the beginning of your conversation with').waitFor();
      await expectAccessible(page, 'chat-empty');
      for (const text of [
        'Hello! Did the parcel arrive?',
        'مرحبا',
        'See https://example.com/parcels/7',
        'A longer text. '.repeat(20),
      ]) {
        await first.send(text);
      }
      await second.message('A longer text.').waitFor();
      await second.send('Yes, this morning.');
      await first.message('Yes, this morning.').waitFor();
      {
        await using _ = await scene.refuseMessages(`refused ${alice}`);
        await first.send(`refused ${alice}`);
        await first
          .message('refused')
          .getByText(/^Not sent: /)
          .waitFor();
      }
      await scene.conversation(alice, `carol-of-${bob}`);
      await expectAccessible(page, 'chat-filled');
      await page.setViewportSize(WIDTHS.phone);
      await first.root.getByRole('button', { name: 'Back to the conversations' }).click();
      await expectAccessible(page, 'chat-list');
    }),
  );

  it(
    'have no serious problem for assistive technology: a group, its actions and its members',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const { page, first, second } = await scene.openPanes(await scene.device());
      const title = `Lunch of ${alice}`;
      await first.createGroup(title, [bob, `carol-of-${alice}`]);
      await second.row(title).click();
      await first.send(`At noon, @${bob}?`);
      await second.act('At noon', 'React with 👍');
      await second.act('At noon', 'Reply');
      await second.send('Yes');
      await second.send('Perhaps');
      await second.act('Perhaps', 'Edit');
      await second.root.getByRole('textbox', { name: 'New text of the message' }).fill('Maybe');
      await page.keyboard.press('Enter');
      await first.send('deleted soon');
      await first.message('deleted soon').getByRole('button', { name: 'Actions' }).click();
      await first.root.getByRole('menuitem', { name: 'Delete' }).click();
      await first.root.getByRole('menuitem', { name: 'Delete for everyone?' }).click();
      await second.message('This message was deleted').waitFor();
      await second.message('Maybe').getByText('edited').waitFor();
      await expectAccessible(page, 'group');
      await first.composer.fill('@');
      await first.root.getByRole('listbox').waitFor();
      await expectAccessible(page, 'group-mention');
      await first.composer.fill('');
      await first.message('Maybe').getByRole('button', { name: 'Actions' }).click();
      await first.root.getByRole('menuitem', { name: 'Reply' }).waitFor();
      await expectAccessible(page, 'group-actions');
      await page.keyboard.press('Escape');
      await (await first.members()).getByText(bob).waitFor();
      await expectAccessible(page, 'group-members');
    }),
  );

  it(
    'have no serious problem for assistive technology: the sign-in, and a lost connection',
    inScene(async (scene) => {
      const device = await scene.device();
      device.breaksNetwork = true;
      const page = await device.open(scene.stage.hosted.url);
      await page.getByLabel('Token').waitFor();
      await expectAccessible(page, 'sign-in');
      const chat = await scene.openHosted(device, scene.alice);
      await chat.live();
      scene.stage.hosted.network.set({ kind: 'reset' });
      await chat.banner.getByText('No connection to the server.').waitFor();
      await expectAccessible(chat.page, 'no-connection');
    }),
  );

  it(
    'have no serious problem for assistive technology: the cluster view',
    inScene(async (scene) => {
      const cluster = await scene.openCluster(await scene.device());
      await scene.conversation();
      await cluster.page.locator('#messages canvas').first().waitFor();
      await expectAccessible(cluster.page, 'cluster');
      await cluster.lookUpUser(scene.alice);
      await cluster.region('User').getByText('Not connected').waitFor();
      await cluster.page.getByRole('button', { name: 'Load the list' }).click();
      await cluster.page.getByRole('button', { name: 'Revoke tokens' }).click();
      await cluster.page.getByRole('dialog').waitFor();
      await expectAccessible(cluster.page, 'cluster-dialog');
    }),
  );

  it(
    'move nothing for a user who wants less motion',
    inScene(async (scene) => {
      const animations = async (reducedMotion: 'reduce' | 'no-preference') => {
        const device = await scene.device({ reducedMotion });
        device.breaksNetwork = true;
        const chat: Pane = await scene.openHosted(device, scene.alice);
        await chat.live();
        scene.stage.hosted.network.set({ kind: 'reset' });
        await chat.root.getByText('no connection', { exact: true }).waitFor();
        const running = await chat.page.evaluate(
          () => document.getAnimations().filter(({ playState }) => playState === 'running').length,
        );
        scene.stage.hosted.network.set({ kind: 'pass' });
        return running;
      };
      expect(await animations('no-preference'), 'the mark of a lost connection breathes').to.be.above(0);
      expect(await animations('reduce')).to.equal(0);
    }),
  );
});

/** Checks the page in each view with axe-core, and keeps pictures of it, of the phone in dark too. */
async function expectAccessible(page: Page, name: string): Promise<void> {
  await page.evaluate(AXE);
  for (const { width, colorScheme } of VIEWS) {
    const picture = await takePicture(page, name, width, colorScheme);
    expect(await seriousProblems(page), `${name}, ${width}, ${colorScheme}; picture: ${picture}`).to.deep.equal([]);
  }
  await takePicture(page, name, 'phone', 'dark');
  await page.setViewportSize(WIDTHS.desk);
  await page.emulateMedia({ colorScheme: 'light' });
}

async function takePicture(
  page: Page,
  name: string,
  width: keyof typeof WIDTHS,
  colorScheme: 'light' | 'dark',
): Promise<string> {
  await page.setViewportSize(WIDTHS[width]);
  await page.emulateMedia({ colorScheme });
  await transitionsEnd(page);
  const path = pictureFile(`${name}-${width}-${colorScheme}`);
  await page.screenshot({ path });
  return path;
}

/** In the middle of a transition a color has the contrast of neither end. A new size draws the page anew first. */
async function transitionsEnd(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const running = () => document.getAnimations().filter((one) => one instanceof CSSTransition);
    for (let calm = 0; calm < 3; calm++) {
      await drawn();
      if (running().length === 0) continue;
      calm = 0;
      await Promise.allSettled(running().map(({ finished }) => finished));
    }
  });
}

async function seriousProblems(page: Page): Promise<string[]> {
  const options: RunOptions = { resultTypes: ['violations'] };
  const { violations } = await page.evaluate(
    (given) => (globalThis as unknown as { axe: { run(options: RunOptions): Promise<AxeResults> } }).axe.run(given),
    options,
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, help, nodes }) =>
      nodes.map(({ html, any }) => `${id}: ${help}: ${any[0]?.message ?? ''} ${html.slice(0, 200)}`),
    );
}
