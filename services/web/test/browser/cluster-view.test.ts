import { askRedis, eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { textOf } from './pane.ts';
import { useStage } from './use-stage.ts';

describe('the cluster view', () => {
  const inScene = useStage();

  it(
    'shows figures that move',
    inScene(async (scene) => {
      const conversation = scene.connect(scene.alice).conversation(await scene.conversation());
      const cluster = await scene.openCluster(await scene.device());
      const figure = (name: string) =>
        cluster.page.locator('dl[aria-label="Key figures"] > div').filter({ hasText: name }).locator('dd');
      for (const name of ['gateway-1', 'gateway-2']) {
        await cluster.region('Gateways').getByRole('rowheader', { name }).waitFor();
      }
      await eventually(async () => {
        await conversation.send('a message').stored;
        expect(Number.parseFloat(await textOf(figure('Stored')))).to.be.above(0);
        expect(Number.parseFloat(await textOf(figure('Delivered')))).to.be.above(0);
        expect(await textOf(figure('Connections'))).to.match(/^[1-9]/);
      }, 60_000);
      await cluster.page.locator('#messages canvas').first().waitFor();
    }),
  );

  it(
    'shows different versions of the processes, and since when, as an information',
    inScene(async (scene) => {
      const { redisUrl } = scene.stage;
      const older = {
        ...{ id: 'older', kind: 'worker', name: 'worker-9', pid: 1, host: 'elsewhere', version: '0.1.9' },
        ...{ startedAt: 1_000, at: Date.now(), state: 'ready', overMs: 2_000 },
        ...{ cpuPercent: 1, memoryBytes: 1, heapBytes: 1, eventLoopP99Ms: 1 },
      };
      const cluster = await scene.openCluster(await scene.device());
      const note = cluster.page.getByRole('note', { name: 'Versions' });
      expect(await note.count()).to.equal(0);
      await askRedis(redisUrl, 'SET', 'chat:process:older', JSON.stringify(older), 'EX', '600');
      try {
        await eventually(async () => {
          // As long as it is read, the process reports.
          await askRedis(redisUrl, 'ZADD', 'chat:processes', String(Date.now()), 'older');
          expect(await note.count()).to.equal(1);
        }, 60_000);
        expect(await textOf(note)).to.match(
          /^InfoProcesses of different versions run since \d\d:\d\d:\d\d: \d+\.\d+\.\d+ \(3\), 0\.1\.9 \(1\)\.$/,
        );
      } finally {
        await askRedis(redisUrl, 'DEL', 'chat:process:older');
      }
      await note.waitFor({ state: 'detached' });
    }),
  );

  it(
    'finds a user, a conversation and a message, and disconnects the user',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const conversationId = await scene.conversation();
      const chat = scene.connect(alice);
      const sent = await chat.conversation(conversationId).send('Where am I stored?').stored;
      const cluster = await scene.openCluster(await scene.device());
      await cluster.lookUpUser(bob);
      const user = cluster.region('User');
      await user.getByText('Not connected').waitFor();
      await user.getByText('1 unread').waitFor();
      await user.getByRole('link', { name: conversationId }).click();
      const message = cluster.region('Message or conversation');
      await message.getByText('Last sequence').waitFor();
      await message.getByLabel('Id of a message or a conversation').getByRole('textbox').fill(sent.id);
      await message.getByRole('button', { name: 'Look up' }).click();
      await message.getByText('1 of 1').waitFor();
      expect(await textOf(message))
        .to.match(/inbox-\d/)
        .and.not.include('Where am I stored?');
      await message.getByRole('link', { name: alice }).first().click();
      await user.getByText('1 connection', { exact: true }).waitFor();
      const disconnected = new Promise<void>((resolve) => {
        const off = chat.on('status', ({ state }) => {
          if (state === 'live') return;
          off();
          resolve();
        });
      });
      await user.getByRole('button', { name: 'Disconnect' }).click();
      await cluster.page.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).click();
      await disconnected;
      await eventually(() => expect(chat.status.state).to.equal('live'));
      await cluster.lookUpUser('an id without a user');
      await user
        .getByText(/There is no such user|The user has no conversation/)
        .first()
        .waitFor();
      // Addresses resolve these in a path.
      for (const id of ['.', '..']) {
        await cluster.lookUpUser(id);
        await user.getByRole('heading', { name: id, exact: true }).waitFor();
      }
    }),
  );

  it(
    'revokes the tokens of a user, whose page then asks for a new sign-in',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      await scene.conversation();
      const device = await scene.device();
      device.breaksNetwork = true;
      const chat = await scene.openHosted(device, alice);
      await chat.live();
      await chat.row(bob).click();
      const cluster = await scene.openCluster(await scene.device());
      await cluster.lookUpUser(alice);
      const user = cluster.region('User');
      await user.getByRole('button', { name: 'Revoke tokens' }).click();
      await cluster.page.getByRole('dialog').getByRole('button', { name: 'Revoke tokens' }).click();
      await user.getByText(/^Tokens issued until .* are rejected$/).waitFor();
      await chat.banner.getByText('The server does not accept this sign-in').waitFor();
      await chat.send('kept');
      await chat.expectMark('kept', 'Waiting to be sent');
      // The page of the application signs in again.
      scene.signIn(alice);
      await chat.banner.getByRole('button', { name: 'Try again' }).click();
      await chat.live();
      await chat.expectMark('kept', 'Stored');
    }),
  );

  it(
    'lists and replays dead letters, without their content',
    inScene(async (scene) => {
      const { alice } = scene;
      const conversationId = await scene.conversation();
      const text = `poison of ${alice}`;
      {
        await using _ = await scene.refuseMessages(text);
        const sending = scene.connect(alice).conversation(conversationId).send(text).stored;
        expect(
          await sending.then(
            () => undefined,
            ({ code }) => code,
          ),
        ).to.equal('REJECTED');
      }
      const cluster = await scene.openCluster(await scene.device());
      const letters = cluster.region('Dead letters');
      await letters.getByRole('button', { name: 'Load the list' }).click();
      const row = letters.getByRole('row').filter({ hasText: alice });
      await row.getByRole('button', { name: /^Show / }).click();
      await letters.getByText('Client message id').waitFor();
      expect(await textOf(letters))
        .to.include(conversationId)
        .and.not.include('poison');
      await row.getByRole('checkbox').check();
      await letters.getByRole('button', { name: 'Replay' }).click();
      await cluster.page.getByRole('dialog').getByRole('button', { name: 'Replay' }).click();
      await letters.getByText('1 dead letter was replayed.').waitFor();
      await row.waitFor({ state: 'detached' });
      expect(await scene.stored(conversationId)).to.deep.equal([text]);
    }),
  );
});
