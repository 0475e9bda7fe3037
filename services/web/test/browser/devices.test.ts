import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { useStage } from './use-stage.ts';

describe('the devices of one user', () => {
  const inScene = useStage();

  it(
    'show the same badge, also after one of them has read',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const conversationId = await scene.conversation();
      const [a, b] = await Promise.all(
        ['first', 'second'].map(async (other) =>
          scene.openPanes(await scene.device(), [alice, `${other}-of-${alice}`], 0),
        ),
      );
      if (!a || !b) throw new Error('two devices');
      await Promise.all([a.first.live(), b.first.live()]);
      const chat = scene.connect(bob);
      const conversation = chat.conversation(conversationId);
      for (const text of ['one', 'two', 'three']) await conversation.send(text).stored;
      for (const { page, first } of [a, b]) {
        await first.root.getByText('3 unread', { exact: true }).first().waitFor();
        await first.row(bob).getByText('three').waitFor();
        await eventually(async () => expect(await page.title()).to.equal('(3) Chat'));
      }
      await a.first.row(bob).click();
      await a.first.expectTexts(['one', 'two', 'three']);
      for (const { page, first } of [a, b]) {
        await eventually(async () => expect(await page.title()).to.equal('Chat'));
        await eventually(async () => expect(await first.root.getByText(/\d unread/).count()).to.equal(0));
      }
      // Bob's device shows the messages as read.
      await eventually(() =>
        expect(conversation.messages.get().messages.map(({ status }) => status)).to.deep.equal([
          'read',
          'read',
          'read',
        ]),
      );
    }),
  );

  it(
    'send through one tab, and both tabs show everything once',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const conversationId = await scene.conversation();
      const device = await scene.device();
      const senders: string[] = [];
      const open = async (name: string) => {
        const chat = await scene.openHosted(device, alice, (page) =>
          page.on('websocket', (socket) =>
            socket.on('framesent', ({ payload }) => String(payload).includes('send_message') && senders.push(name)),
          ),
        );
        await chat.live();
        await chat.row(bob).click();
        return chat;
      };
      const first = await open('first');
      const second = await open('second');
      await first.send('from the first tab');
      await second.message('from the first tab').waitFor();
      await second.send('from the second tab');
      const texts = ['from the first tab', 'from the second tab'];
      for (const tab of [first, second]) {
        await tab.expectTexts(texts);
        await tab.expectMark('from the second tab', 'Stored');
      }
      expect(await scene.stored(conversationId)).to.deep.equal(texts);
      expect(senders).to.have.length(2);
      expect(new Set(senders).size, 'tabs that sent').to.equal(1);
    }),
  );

  it(
    'are all signed out at once, and keep nothing',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      await scene.conversation();
      const device = await scene.device();
      const [first, second] = [await scene.openHosted(device, alice), await scene.openHosted(device, alice)];
      for (const tab of [first, second]) {
        await tab.live();
        await tab.row(bob).click();
      }
      await first.send('a secret');
      await second.message('a secret').waitFor();
      await first.composer.fill('an unfinished secret');
      await first.root.getByRole('button', { name: 'Sign out' }).click();
      for (const { page } of [first, second]) await page.getByText('You are signed out in this browser.').waitFor();
      await eventually(async () => {
        const kept = await second.page.evaluate(async () => {
          const databases = await indexedDB.databases();
          const rows = await Promise.all(
            databases.map(
              ({ name = '' }) =>
                new Promise<number>((resolve, reject) => {
                  const request = indexedDB.open(name);
                  request.onerror = () => reject(request.error);
                  request.onsuccess = async () => {
                    const db = request.result;
                    let count = 0;
                    for (const store of db.objectStoreNames) {
                      count += await new Promise<number>((done, fail) => {
                        const counting = db.transaction(store).objectStore(store).count();
                        counting.onsuccess = () => done(counting.result);
                        counting.onerror = () => fail(counting.error);
                      });
                    }
                    db.close();
                    resolve(count);
                  };
                }),
            ),
          );
          return {
            rows: rows.reduce((sum, count) => sum + count, 0),
            storage: JSON.stringify({ ...localStorage, ...sessionStorage }),
          };
        });
        expect(kept.rows, 'rows in the databases of the browser').to.equal(0);
        expect(kept.storage).not.to.include('secret');
      });
    }),
  );
});
