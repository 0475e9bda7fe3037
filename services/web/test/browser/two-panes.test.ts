import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { ledgerOf } from './pane.ts';
import { pictureFile } from './scene.ts';
import { useStage } from './use-stage.ts';

describe('the chat page with two users', () => {
  const inScene = useStage();

  it(
    'shows them on two gateways, delivers what they write, and counts it',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const { page, first, second } = await scene.openPanes(await scene.device());
      await eventually(async () => {
        expect(new Set([await first.live(), await second.live()])).to.deep.equal(new Set(['gateway-1', 'gateway-2']));
      }, 60_000);
      await first.send('Hello Bob');
      await second.message('Hello Bob').waitFor();
      await second.send('Hello Alice');
      await second.send('How are you?');
      const texts = ['Hello Bob', 'Hello Alice', 'How are you?'];
      await Promise.all([first.expectTexts(texts), second.expectTexts(texts)]);
      await first.expectMark('Hello Bob', 'Read');
      await eventually(async () => {
        const faults = { missing: 0, duplicates: 0, outOfOrder: 0 };
        expect(await ledgerOf(page)).to.deep.equal({
          [`${alice} → ${bob}`]: { sent: 1, stored: 1, received: 1, ...faults },
          [`${bob} → ${alice}`]: { sent: 2, stored: 2, received: 2, ...faults },
        });
      });
    }),
  );

  for (const width of [360, 1280]) {
    it(
      `names both users of each direction of the ledger in a page of ${width} px, also with long ids`,
      inScene(async (scene) => {
        const users = ['first', 'second'].map((name) => `${name}-of-${scene.alice}`.padEnd(64, '-with-a-long-id')) as [
          string,
          string,
        ];
        const { page } = await scene.openPanes(await scene.device({ viewport: { width, height: 800 } }), users);
        const ledger = page.getByRole('region', { name: 'Ledger' });
        if (width < 760) await ledger.getByRole('button').click();
        const names = ledger.locator('table bdi');
        await names.first().waitFor();
        expect(await names.count()).to.equal(4);
        for (const name of await names.all()) {
          expect((await name.boundingBox())?.width).to.be.above(60);
          const isInside = await name.evaluate((element) => {
            const [{ left, right }, cell] = [element, element.closest('th') as Element].map((one) =>
              one.getBoundingClientRect(),
            ) as [DOMRect, DOMRect];
            return left >= cell.left && right <= cell.right;
          });
          expect(isInside, 'the name is in its cell').to.equal(true);
        }
        expect(await ledger.evaluate((strip) => strip.scrollWidth - strip.clientWidth)).to.equal(0);
        await page.screenshot({ path: pictureFile(`ledger-${width}`) });
      }),
    );
  }
});
