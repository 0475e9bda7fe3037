import { signToken } from '@chat-cluster/local-cluster';
import { eventually, tokenFor } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { Pane, textOf } from './pane.ts';
import { useStage } from './use-stage.ts';

/** Lifetime of a token that expires during a test, in s. Gateways tolerate one second more. */
const SHORT_S = 3;

describe('the chat page outside of local mode', () => {
  const inScene = useStage();

  it(
    'asks for a token, keeps it in the tab, and forgets it at the sign-out',
    inScene(async (scene) => {
      const { alice, stage } = scene;
      const device = await scene.device();
      const page = await device.open(stage.hosted.url);
      await page.getByLabel('Token').fill('no token');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('A token has three parts with dots between them.').waitFor();
      await page.getByLabel('Token').fill(tokenFor(stage.cluster, alice));
      await page.getByRole('button', { name: 'Sign in' }).click();
      const chat = new Pane(page, 'Chat');
      await chat.live();
      await page.reload();
      await chat.live();
      await chat.root.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('Token').waitFor();
      expect(await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }))).not.to.include('eyJ');
      await page.reload();
      await page.getByLabel('Token').waitFor();
    }),
  );

  it(
    'keeps a session that begins while the one before still ends',
    inScene(async (scene) => {
      const chat = await scene.openHosted(await scene.device(), scene.alice);
      await chat.live();
      await chat.page.evaluate(async () => {
        const announced = new Promise((resolve) => {
          new BroadcastChannel('chat-sign-out').onmessage = resolve;
        });
        const click = (name: string) => {
          const buttons = [...document.querySelectorAll('button')];
          const button = buttons.find((one) => (one.ariaLabel ?? one.textContent) === name);
          button?.click();
          return button !== undefined;
        };
        click('Sign out');
        while (!click('Sign in again')) await new Promise(requestAnimationFrame);
        await announced;
        // The page has received it too.
        await new Promise((resolve) => setTimeout(resolve));
      });
      await chat.live();
      expect(await chat.page.getByRole('button', { name: 'Sign in again' }).count()).to.equal(0);
    }),
  );

  it(
    'offers the sign-in again when a typed token has expired',
    inScene(async (scene) => {
      const { alice, stage } = scene;
      const device = await scene.device();
      device.breaksNetwork = true;
      const page = await device.open(stage.hosted.url);
      await page.getByLabel('Token').fill(signToken(alice, stage.cluster.jwtSecret, SHORT_S));
      await page.getByRole('button', { name: 'Sign in' }).click();
      const chat = new Pane(page, 'Chat');
      await chat.banner
        .getByText(/The server does not accept this sign-in: The token (has expired|is not valid)/)
        .waitFor();
      await chat.banner.getByRole('button', { name: 'Sign in' }).click();
      await page.getByLabel('Token').waitFor();
    }),
  );

  it(
    'fetches a new token from its server before the old one expires',
    inScene(async (scene) => {
      const { alice, bob, stage } = scene;
      await scene.conversation();
      const device = await scene.device();
      const chat = await scene.openHosted(device, alice, undefined, SHORT_S);
      await chat.live();
      const before = stage.hosted.tokens;
      await eventually(() => expect(stage.hosted.tokens).to.be.above(before));
      scene.signIn(alice);
      await chat.row(bob).click();
      await chat.send('still here');
      await chat.expectMark('still here', 'Stored');
      expect(await textOf(chat.banner)).to.equal('');
    }),
  );

  it(
    'leads to the page of the sign-in when no user is signed in',
    inScene(async (scene) => {
      const { stage } = scene;
      stage.hosted.config = { tokenUrl: '/token', signInUrl: '/sign-in' };
      stage.hosted.token = () => null;
      const device = await scene.device();
      device.breaksNetwork = true;
      const page = await device.open(stage.hosted.url);
      const chat = new Pane(page, 'Chat');
      await chat.banner.getByText('You are signed out.').waitFor();
      await chat.banner.getByRole('button', { name: 'Sign in' }).click();
      await page.waitForURL(`${stage.hosted.url}/sign-in`);
    }),
  );
});
