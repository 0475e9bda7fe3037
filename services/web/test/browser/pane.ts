import { eventually } from '@chat-cluster/testkit';
import type { Locator, Page } from '@chat-cluster/testkit/browser';
import { expect } from 'chai';

/** The chat of one user on a page, as a person sees it. */
export class Pane {
  readonly page: Page;
  readonly root: Locator;

  constructor(page: Page, name: string) {
    this.page = page;
    this.root = page.getByRole('region', { name, exact: true });
  }

  static ofUser(page: Page, user: string): Pane {
    return new Pane(page, `Chat of ${user}`);
  }

  get composer(): Locator {
    return this.root.getByRole('textbox', { name: /^Message to / });
  }

  get log(): Locator {
    return this.root.getByRole('log');
  }

  get banner(): Locator {
    return this.root.getByRole('status', { name: 'Connection' });
  }

  get jump(): Locator {
    return this.root.getByRole('button', { name: /jump to newest/i });
  }

  /** A conversation of the list. */
  row(otherUser: string): Locator {
    return this.root.getByRole('navigation').getByRole('button', { name: otherUser });
  }

  message(text: string): Locator {
    return this.log.getByRole('article').filter({ hasText: text });
  }

  /** Waits until it is connected; returns the gateway. */
  async live(): Promise<string> {
    return eventually(async () => {
      const [, gateway] = /^live on (\S+)$/.exec(await textOf(this.root.getByText(/^live on /))) ?? [];
      if (!gateway) throw new Error('not live');
      return gateway;
    }, 60_000);
  }

  async send(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press('Enter');
  }

  /** Opens the actions of a message and uses one. */
  async act(text: string, action: string): Promise<void> {
    await this.message(text).first().getByRole('button', { name: 'Actions' }).click();
    await this.root.getByRole('menuitem', { name: action, exact: true }).click();
  }

  /** Uses a setting of the open conversation. */
  async setUp(setting: string): Promise<void> {
    await this.root.getByRole('button', { name: 'Settings of this conversation' }).click();
    await this.root.getByRole('menuitem', { name: setting, exact: true }).click();
  }

  /** Creates a group, whose members are named by their ids. */
  async createGroup(title: string, members: readonly string[]): Promise<void> {
    await this.live();
    await this.root.getByRole('button', { name: 'New conversation' }).click();
    await this.root.getByText('Group', { exact: true }).click();
    await this.root.getByLabel('Title').fill(title);
    await this.root.getByLabel('Other members').fill(members.join(', '));
    await this.root.getByRole('button', { name: 'Create group' }).click();
    await this.root.getByRole('heading', { name: title }).waitFor();
  }

  /** Opens the members of the group. */
  async members(): Promise<Locator> {
    await this.root.getByRole('button', { name: 'Members', exact: true }).click();
    return this.root.getByRole('dialog');
  }

  /** The texts on the screen, in their order. */
  texts(): Promise<string[]> {
    return this.log.locator('article [dir=auto]').allInnerTexts();
  }

  async expectTexts(texts: readonly string[]): Promise<void> {
    await eventually(async () => expect(await this.texts()).to.deep.equal(texts), 60_000);
  }

  /** Waits until the sender's mark of a message has this name, such as "Stored" or "Read". */
  async expectMark(text: string, mark: string): Promise<void> {
    await this.message(text).getByRole('img', { name: mark, exact: true }).waitFor();
  }
}

/** The text of an element, visible or not. */
export async function textOf(locator: Locator): Promise<string> {
  return (await locator.textContent()) ?? '';
}

export interface LedgerRow {
  sent: number;
  stored: number;
  received: number;
  missing: number;
  duplicates: number;
  outOfOrder: number;
}

/** The ledger of the page, by direction. */
export async function ledgerOf(page: Page): Promise<Record<string, LedgerRow>> {
  const rows = await page.getByRole('region', { name: 'Ledger' }).locator('tbody tr').all();
  const entries = await Promise.all(
    rows.map(async (row) => {
      const direction = await textOf(row.locator('th'));
      const [sent = 0, stored = 0, received = 0, missing = 0, duplicates = 0, outOfOrder = 0] = (
        await row.locator('td').allInnerTexts()
      ).map((figure) => Number(figure.replaceAll(/\D/g, '')));
      return [direction, { sent, stored, received, missing, duplicates, outOfOrder }] as const;
    }),
  );
  return Object.fromEntries(entries);
}
