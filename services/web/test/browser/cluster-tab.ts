import type { Locator, Page } from '@chat-cluster/testkit/browser';

/** The cluster view, as an operator sees it. */
export class ClusterTab {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  get verdict(): Locator {
    return this.page.locator('#verdict-title');
  }

  async loaded(): Promise<void> {
    await this.verdict.waitFor();
  }

  /** Uses the button of a process of this machine. */
  async act(action: 'Kill' | 'Pause' | 'Resume' | 'Drain', name: string): Promise<void> {
    await this.page.getByRole('button', { name: `${action} ${name}`, exact: true }).click();
  }

  async lookUpUser(user: string): Promise<void> {
    const region = this.region('User');
    await region.getByRole('textbox', { name: 'User id' }).fill(user);
    await region.getByRole('button', { name: 'Look up' }).click();
  }

  region(name: string): Locator {
    return this.page.getByRole('region', { name, exact: true });
  }
}
