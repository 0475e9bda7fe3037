import { useStage } from './use-stage.ts';

/** Browsers whose tabs cannot reach each other: an old one, and one that blocks the storage of sites. */
const BROWSERS: Record<string, () => void> = {
  'without BroadcastChannel': () => {
    Reflect.deleteProperty(globalThis, 'BroadcastChannel');
  },
  'that forbids BroadcastChannel': () => {
    globalThis.BroadcastChannel = class {
      constructor() {
        throw new DOMException('The operation is insecure.', 'SecurityError');
      }
    } as unknown as typeof BroadcastChannel;
  },
};

for (const [what, change] of Object.entries(BROWSERS)) {
  describe(`a browser ${what}`, () => {
    const inScene = useStage();

    it(
      'sends, receives and counts in two panes, and shows the cluster',
      inScene(async (scene) => {
        const device = await scene.device();
        await device.context.addInitScript(change);
        const { first, second } = await scene.openPanes(device);
        await first.send('from one pane');
        await second.message('from one pane').waitFor();
        await first.expectMark('from one pane', 'Read');
        await first.page.getByRole('region', { name: 'Ledger' }).locator('tbody tr').first().waitFor();
        const cluster = await scene.openCluster(device);
        await cluster.region('Processes of this machine').waitFor();
      }),
    );

    it(
      'sends from a hosted page, and signs out',
      inScene(async (scene) => {
        const { alice, bob } = scene;
        await scene.conversation();
        const device = await scene.device();
        await device.context.addInitScript(change);
        const chat = await scene.openHosted(device, alice);
        await chat.row(bob).click();
        await chat.send('from a single tab');
        await chat.expectMark('from a single tab', 'Stored');
        await chat.root.getByRole('button', { name: 'Sign out' }).click();
        await chat.page.getByText('You are signed out in this browser.').waitFor();
      }),
    );
  });
}
