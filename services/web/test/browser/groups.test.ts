import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import type { Pane } from './pane.ts';
import type { Scene } from './scene.ts';
import { useStage } from './use-stage.ts';

describe('a group on two devices of each user', () => {
  const inScene = useStage();

  it(
    'shows edits, reactions, replies and deletions everywhere',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const { a, b, all } = await openTwice(scene);
      const title = `Lunch of ${alice}`;
      await a[0].createGroup(title, [bob, `carol-of-${alice}`]);
      for (const pane of [a[1], ...b]) await pane.row(title).click();
      for (const pane of b) await pane.root.getByText('3 members', { exact: true }).waitFor();
      await b[0].log.getByText(`${alice} created the group ${title}`).waitFor();
      await a[1].log.getByText(`You created the group ${title}`).waitFor();
      await a[0].send('Lunch at noon?');
      for (const pane of b) await pane.message('Lunch at noon?').getByText(alice, { exact: true }).waitFor();

      await a[1].act('Lunch at noon?', 'Edit');
      await a[1].root.getByRole('textbox', { name: 'New text of the message' }).fill('Lunch at one?');
      await a[1].page.keyboard.press('Enter');
      for (const pane of all) await pane.message('Lunch at one?').getByText('edited', { exact: true }).waitFor();

      await b[0].act('Lunch at one?', 'React with 👍');
      for (const pane of b)
        await pane.root.getByRole('button', { name: '👍 1, including yours', pressed: true }).waitFor();
      await a[0].root.getByRole('button', { name: '👍 1', exact: true, pressed: false }).click();
      for (const pane of all) await pane.root.getByRole('button', { name: '👍 2, including yours' }).waitFor();
      await b[1].root.getByRole('button', { name: '👍 2, including yours' }).click();
      for (const pane of b) await pane.root.getByRole('button', { name: '👍 1', exact: true }).waitFor();

      await b[1].act('Lunch at one?', 'Reply');
      await b[1].root.getByText('Lunch at one?').last().waitFor();
      await b[1].send('One is fine.');
      for (const pane of all) {
        await pane.message('One is fine.').getByRole('blockquote').getByText('Lunch at one?').waitFor();
      }

      await a[0].act('Lunch at one?', 'Details');
      const details = a[0].root.getByRole('dialog');
      await details.getByRole('heading', { name: 'Read by 1 of 2' }).waitFor();
      await details.getByText('Lunch at noon?').waitFor();
      await a[0].page.keyboard.press('Escape');

      // Others may not change it.
      await b[0].message('Lunch at one?').first().getByRole('button', { name: 'Actions' }).click();
      expect(await b[0].root.getByRole('menuitem', { name: 'Delete' }).count()).to.equal(0);
      await b[0].page.keyboard.press('Escape');
      await a[1].message('Lunch at one?').first().getByRole('button', { name: 'Actions' }).click();
      await a[1].root.getByRole('menuitem', { name: 'Delete' }).click();
      await a[1].root.getByRole('menuitem', { name: 'Delete for everyone?' }).click();
      for (const pane of all) {
        await pane.message('This message was deleted').waitFor();
        await pane.message('One is fine.').getByRole('blockquote').getByText('Deleted message').waitFor();
      }
      for (const pane of all) expect(await pane.texts()).to.deep.equal(['One is fine.']);
    }),
  );

  it(
    'is not created without a title, and the field shows why',
    inScene(async (scene) => {
      const pane = await scene.openPane();
      await pane.live();
      await pane.root.getByRole('button', { name: 'New conversation' }).click();
      await pane.root.getByText('Group', { exact: true }).click();
      const title = pane.root.getByLabel('Title');
      await pane.root.getByRole('button', { name: 'Create group' }).click();
      await pane.root.getByText('Type a title.').waitFor();
      expect(await title.getAttribute('aria-invalid')).to.equal('true');
      expect(await pane.root.getByLabel('Other members').getAttribute('aria-invalid')).to.not.equal('true');
      await title.fill('Lunch');
      await pane.root.getByText('Type a title.').waitFor({ state: 'detached' });
    }),
  );

  it(
    'counts mentions, and what a muted group has unread beside the badge',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const { a, b } = await openTwice(scene);
      const title = `Notes of ${alice}`;
      await a[0].createGroup(title, [bob]);
      await b[0].row(title).click();
      await b[0].setUp('Mute');
      await b[1].row(title).getByRole('img', { name: 'Muted' }).waitFor();
      await b[0].setUp('Mark as unread');
      await b[1].row(title).getByText('marked as unread').waitFor();
      await b[0].root.getByText('Choose a conversation').waitFor();

      await a[0].composer.pressSequentially(`Hello @${bob.slice(0, 3)}`);
      await a[0].root.getByRole('option', { name: bob }).waitFor();
      await eventually(async () => {
        const chosen = a[0].root.getByRole('option', { name: bob, selected: true });
        if ((await chosen.count()) === 0) await a[0].page.keyboard.press('ArrowDown');
        expect(await chosen.count()).to.equal(1);
      });
      await a[0].page.keyboard.press('Enter');
      await eventually(async () => expect(await a[0].composer.inputValue()).to.equal(`Hello @${bob} `));
      await a[0].page.keyboard.press('Enter');
      for (const pane of b) {
        await pane.root.getByText('1 mention', { exact: true }).first().waitFor();
        await pane.root.getByText('1 muted', { exact: true }).waitFor();
        // The badge of the page has direct messages and groups that are not muted.
        expect(await pane.page.title()).to.equal('Chat');
      }
      await b[1].row(title).click();
      await b[1].message('Hello').locator('[data-me=true]').getByText(`@${bob}`).waitFor();
      for (const pane of b) await pane.root.getByText('1 muted', { exact: true }).waitFor({ state: 'detached' });
    }),
  );

  it(
    'becomes read-only for a member who is removed',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const { a, b } = await openTwice(scene);
      const title = `Team of ${alice}`;
      await a[0].createGroup(title, [bob]);
      for (const pane of [a[1], ...b]) await pane.row(title).click();
      await a[0].send('before');
      for (const pane of b) await pane.message('before').waitFor();
      const members = await a[0].members();
      await members.getByLabel('Title').fill(`${title} 2`);
      await members.getByRole('button', { name: 'Rename' }).click();
      for (const pane of b) await pane.root.getByRole('heading', { name: `${title} 2` }).waitFor();
      await members.getByRole('button', { name: `Remove ${bob}` }).click();
      await members.getByRole('button', { name: `Remove ${bob}: Really remove?` }).click();
      await members.getByText('1 member', { exact: true }).waitFor();
      await a[0].page.keyboard.press('Escape');
      for (const pane of b) {
        await pane.root.getByText('You are not a member of this group.').waitFor();
        await pane.log.getByText(`${alice} removed you`).waitFor();
        expect(await pane.composer.count()).to.equal(0);
      }
      await a[0].send('after');
      await a[1].message('after').waitFor();
      for (const pane of b) expect(await pane.texts()).to.deep.equal(['before']);

      // A former member has no other way to take the group out of the list.
      await b[0].root.getByRole('button', { name: 'Settings of this conversation' }).click();
      await b[0].root.getByRole('menuitem', { name: 'Archive' }).waitFor();
      expect(await b[0].root.getByRole('menuitem').allInnerTexts()).to.deep.equal(['Archive']);
      await b[0].root.getByRole('menuitem', { name: 'Archive' }).click();
      for (const pane of b) {
        await pane.root.getByRole('button', { name: 'Archive (1)' }).waitFor();
        expect(await pane.row(`${title} 2`).count()).to.equal(0);
      }
    }),
  );

  it(
    'of many members finds one by the id, whose role changes by a button only',
    inScene(async (scene) => {
      const { alice } = scene;
      // One more than a page of members; the last one in their order.
      const [last, ...others] = [`zoe-of-${alice}`, ...Array.from({ length: 99 }, (_, n) => `member-${n}-of-${alice}`)];
      const owner = scene.connect(alice);
      await owner.settled();
      const group = await owner.groups.create({ title: `Choir of ${alice}`, userIds: [last as string, ...others] });
      let changes = 0;
      const chat = await scene.openHosted(await scene.device(), alice, (page) =>
        page.on('websocket', (socket) =>
          socket.on('framesent', ({ payload }) => {
            if (String(payload).includes('change_group')) changes++;
          }),
        ),
      );
      await chat.row(`Choir of ${alice}`).click();
      const members = await chat.members();
      const rows = members.getByRole('list', { name: 'Members' }).getByRole('listitem');
      await members.getByRole('button', { name: 'Show more members' }).waitFor();
      expect(await rows.getByText(last as string).count()).to.equal(0);
      await members.getByRole('searchbox', { name: 'Search members' }).fill(' ZOE-of ');
      await members.getByText('1 member found').waitFor();
      await rows.getByText(last as string).waitFor();
      expect(await rows.count()).to.equal(1);

      const role = members.getByRole('combobox', { name: `Role of ${last}` });
      await role.focus();
      for (const [key, value] of [
        ['ArrowUp', 'admin'],
        ['ArrowUp', 'owner'],
        ['ArrowDown', 'admin'],
      ] as const) {
        await role.press(key);
        expect(await role.inputValue()).to.equal(value);
      }
      expect(changes, 'requests').to.equal(0);
      await members.getByRole('button', { name: `Set the role of ${last} to admin` }).click();
      await eventually(() =>
        expect(group.messages.get().messages.at(-1)).to.have.nested.property('system.role', 'admin'),
      );
      await members.getByRole('button', { name: /^Set the role of/ }).waitFor({ state: 'detached' });
      expect([changes, await role.inputValue()]).to.deep.equal([1, 'admin']);
      await members.getByRole('searchbox').fill('nobody');
      await members.getByText('0 members found').waitFor();
    }),
  );

  it(
    'is not affected by a block, which ends direct messages on all devices',
    inScene(async (scene) => {
      const { alice, bob } = scene;
      const { a, b } = await openTwice(scene);
      await a[0].createGroup(`All of ${alice}`, [bob]);
      await a[0].row(bob).click();
      await a[0].send('Direct');
      await a[1].row(bob).click();
      await a[1].message('Direct').waitFor();
      await a[0].setUp('Block this user');
      for (const pane of a) await pane.root.getByText('You have blocked this user.').waitFor();
      // The server refuses the other actions.
      await a[0].message('Direct').getByRole('button', { name: 'Actions' }).click();
      const actions = a[0].root.getByRole('menu', { name: 'Actions of the message' }).getByRole('menuitem');
      await actions.first().waitFor();
      expect(await actions.allInnerTexts()).to.deep.equal(['Details', 'Delete']);
      await a[0].page.keyboard.press('Escape');
      await b[0].send('Do you read this?');
      await b[0]
        .message('Do you read this?')
        .getByText(/^Not sent: /)
        .waitFor();
      await b[1].row(`All of ${alice}`).click();
      await b[1].send('In the group');
      await a[1].row(`All of ${alice}`).click();
      await a[1].message('In the group').waitFor();
      await a[0].root.getByRole('button', { name: 'Unblock' }).click();
      for (const pane of a) await pane.root.getByText('You have blocked this user.').waitFor({ state: 'hidden' });
      const retry = b[0].message('Do you read this?').getByRole('button', { name: 'Retry' });
      await eventually(async () => {
        // The gateway of this device may learn of the change later than the others.
        if (await retry.isVisible()) await retry.click();
        expect(await a[0].message('Do you read this?').isVisible()).to.equal(true);
      });
    }),
  );
});

/** Two devices, each with both users. The devices of a user are on two gateways. */
async function openTwice(scene: Scene) {
  const first = await scene.openPanes(await scene.device());
  const second = await scene.openPanes(await scene.device());
  await eventually(async () => {
    const [own, other] = [await first.first.live(), await second.first.live()];
    if (own === other) await second.page.reload();
    expect(own).not.to.equal(other);
    expect(await first.second.live()).not.to.equal(await second.second.live());
  }, 120_000);
  const a: [Pane, Pane] = [first.first, second.first];
  const b: [Pane, Pane] = [first.second, second.second];
  return { a, b, all: [...a, ...b] };
}
