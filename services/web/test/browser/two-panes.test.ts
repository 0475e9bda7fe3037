import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { ledgerOf } from './pane.ts';
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
});
