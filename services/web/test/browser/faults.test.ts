import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { ledgerOf, textOf } from './pane.ts';
import { useStage } from './use-stage.ts';

/** Messages of each user while the gateways are killed. */
const MESSAGES = 12;

describe('the pages during faults', () => {
  const inScene = useStage();

  it(
    'lose and repeat nothing while both gateways are killed from the cluster view',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const conversationId = await scene.conversation();
      const device = await scene.device();
      device.breaksNetwork = true;
      const { page, first, second } = await scene.openPanes(device);
      const cluster = await scene.openCluster(device);
      await Promise.all([first.live(), second.live()]);
      const banners = await Promise.all([first, second].map(({ banner }) => banner.evaluateHandle(recordTexts)));
      await Promise.all([first, second].map(({ composer }) => composer.waitFor()));
      const texts: { alice: string[]; bob: string[] } = { alice: [], bob: [] };
      for (let number = 1; number <= MESSAGES; number++) {
        if (number === 3) await cluster.act('Kill', 'gateway-1');
        if (number === 6) await cluster.act('Kill', 'gateway-2');
        texts.alice.push(`alice ${number}`);
        texts.bob.push(`bob ${number}`);
        await first.send(`alice ${number}`);
        await second.send(`bob ${number}`);
      }
      const counts = { sent: MESSAGES, stored: MESSAGES, received: MESSAGES, missing: 0, duplicates: 0, outOfOrder: 0 };
      await eventually(async () => {
        const ledger = { [`${alice} → ${bob}`]: counts, [`${bob} → ${alice}`]: counts };
        expect(await ledgerOf(page)).to.deep.equal(ledger);
      }, 60_000);
      const stored = (await scene.stored(conversationId)) as string[];
      expect(stored.filter((text) => text.startsWith('alice'))).to.deep.equal(texts.alice);
      expect(stored.filter((text) => text.startsWith('bob'))).to.deep.equal(texts.bob);
      // A connection that is replaced at once is not reported: then the gateways are killed again.
      await eventually(async () => {
        const shown = await Promise.all(banners.map((handle) => handle.evaluate((recorded) => recorded)));
        if (/No connection|Connecting again/.test(shown.flat().join(' '))) return;
        for (const gateway of ['gateway-1', 'gateway-2']) await cluster.act('Kill', gateway);
        throw new Error('no banner has appeared');
      }, 60_000);
      for (const { banner } of [first, second]) await eventually(async () => expect(await textOf(banner)).to.equal(''));
      await cluster
        .region('Processes of this machine')
        .getByRole('row', { name: `${alice} → ${bob} 12 12 12 0 0 0` })
        .waitFor();
      const changes = cluster.page.getByRole('list', { name: 'Recent changes' });
      // Each has started at least twice.
      for (const gateway of ['gateway-1', 'gateway-2'])
        await changes.getByText(gateway, { exact: true }).nth(1).waitFor();
    }),
  );

  it(
    'show that the cluster is broken while Redis is paused, and that it is healthy afterwards',
    inScene(async (scene) => {
      const device = await scene.device();
      device.breaksNetwork = true;
      const cluster = await scene.openCluster(device);
      const meaning = cluster.page.locator('#verdict');
      await meaning.getByText(/^Messages are stored and delivered/).waitFor();
      await cluster.act('Pause', 'redis');
      await cluster.region('Processes of this machine').getByText('redis is paused, for 60 s at most.').waitFor();
      await eventually(async () => expect(await textOf(cluster.verdict)).to.equal('Broken'), 60_000);
      await cluster.act('Resume', 'redis');
      await eventually(async () => expect(await textOf(cluster.verdict)).not.to.match(/Broken|Was/), 60_000);
      await meaning.getByText(/^Messages are stored and delivered/).waitFor();
    }),
  );

  it(
    'show since when the figures are old when the server does not answer',
    inScene(async (scene) => {
      const device = await scene.device();
      device.breaksNetwork = true;
      const cluster = await scene.openCluster(device);
      await device.context.setOffline(true);
      await cluster.page.getByText(/^Stale since /).waitFor();
      await cluster.page
        .getByRole('alert')
        .getByText(/the figures below are that old/)
        .waitFor();
      expect(await textOf(cluster.verdict)).to.match(/^Was /);
      await device.context.setOffline(false);
      await cluster.page.getByText(/^Live/).waitFor();
      await cluster.page.getByRole('alert').waitFor({ state: 'detached' });
    }),
  );
});

/** The texts that an element has had since now. */
function recordTexts(element: Element): string[] {
  const texts: string[] = [];
  const record = () => element.textContent && texts.push(element.textContent);
  new MutationObserver(record).observe(element, { childList: true, subtree: true, characterData: true });
  return texts;
}
